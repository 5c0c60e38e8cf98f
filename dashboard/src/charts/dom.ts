// Elements in one line each. Text is always set as text, never as markup.

type Attributes = Record<string, string>;
type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// A short horizontal line as it looks in a plot, or a filled square.
export function swatch(color: string, dash: readonly number[] | 'filled'): SVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const picture = document.createElementNS(space, 'svg');
  picture.setAttribute('class', 'swatch');
  picture.setAttribute('viewBox', '0 0 24 12');
  picture.setAttribute('aria-hidden', 'true');
  if (dash === 'filled') {
    const square = document.createElementNS(space, 'rect');
    square.setAttribute('x', '6');
    square.setAttribute('width', '12');
    square.setAttribute('height', '12');
    square.setAttribute('rx', '2');
    square.setAttribute('fill', color);
    picture.append(square);
    return picture;
  }
  const line = document.createElementNS(space, 'line');
  line.setAttribute('x1', '0');
  line.setAttribute('x2', '24');
  line.setAttribute('y1', '6');
  line.setAttribute('y2', '6');
  line.setAttribute('stroke', color);
  line.setAttribute('stroke-width', '3');
  if (dash.length > 0) line.setAttribute('stroke-dasharray', dash.join(' '));
  picture.append(line);
  return picture;
}
