// The box beside the pointer that says the values under it.

import { element, swatch } from './dom';

export interface Reading {
  label: string;
  value: string;
  color?: string;
  dash?: readonly number[] | 'filled';
}

export class Tooltip {
  readonly root = element('div', { class: 'tooltip', role: 'status' });

  constructor() {
    this.hide();
  }

  hide(): void {
    this.root.hidden = true;
  }

  // Shows `readings` beside (x, y), in pixels of the root's offset parent, on
  // the side that has room.
  show(title: string, readings: readonly Reading[], x: number, y: number): void {
    const rows = readings.map((reading) => {
      const label = element('span', { class: 'label' }, reading.label);
      if (reading.color) label.prepend(swatch(reading.color, reading.dash ?? []));
      return element('div', {}, label, element('b', {}, reading.value));
    });
    this.root.replaceChildren(element('div', { class: 'at' }, title), ...rows);
    this.root.hidden = false;
    const frame = this.root.offsetParent as HTMLElement | null;
    const width = frame?.clientWidth ?? 0;
    const ownWidth = this.root.offsetWidth;
    const right = x + 16 + ownWidth <= width;
    const left = right ? x + 16 : Math.max(0, x - 16 - ownWidth);
    this.root.style.left = `${left}px`;
    this.root.style.top = `${Math.max(0, y - this.root.offsetHeight / 2)}px`;
  }
}
