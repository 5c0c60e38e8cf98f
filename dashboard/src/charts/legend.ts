// The names of a plot's lines, as buttons that hide and show them.

import { element, swatch } from './dom';
import { isVisible, toggle } from './visibility';

export interface LegendEntry {
  key: string; // lines with the same key are switched together
  within?: string; // the key of a line without which this one is hidden too
  label: string;
  color: string;
  dash: readonly number[] | 'filled';
}

export function fillLegend(list: HTMLElement, entries: readonly LegendEntry[]): void {
  // Buttons are kept while their entries stay, so that focus is not lost.
  const known = new Map<string, HTMLButtonElement>();
  for (const button of list.querySelectorAll('button')) {
    known.set(button.value, button);
  }
  const items = entries.map((entry) => {
    const button =
      known.get(entry.key) ?? element('button', { type: 'button', value: entry.key });
    button.setAttribute('aria-pressed', String(isVisible(entry)));
    button.replaceChildren(swatch(entry.color, entry.dash), entry.label);
    button.onclick = () => toggle(entry.key);
    return button;
  });
  const same =
    items.length === list.childElementCount &&
    items.every((item, i) => list.children[i]?.firstElementChild === item);
  if (!same) list.replaceChildren(...items.map((item) => element('li', {}, item)));
}
