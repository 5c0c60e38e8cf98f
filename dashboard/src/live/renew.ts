// Brings what a page shows to what it shall show, and leaves alone what is the
// same: a person's selection, focus, scrolling and opened details stay, where an
// element has as many children as before. `made` is used up.
export function renew(shown: Element, made: Element): void {
  for (const { name } of [...shown.attributes]) {
    if (name !== 'open' && !made.hasAttribute(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of made.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  const children = [...made.childNodes];
  if (shown.childNodes.length !== children.length) {
    shown.replaceChildren(...children);
    return;
  }
  [...shown.childNodes].forEach((child, i) => {
    const next = children[i] as ChildNode;
    if (child instanceof Element && next instanceof Element && child.tagName === next.tagName) {
      renew(child, next);
    } else if (!child.isEqualNode(next)) {
      child.replaceWith(next);
    }
  });
}
