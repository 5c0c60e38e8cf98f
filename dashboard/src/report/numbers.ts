// The main numbers: tiles for one kind of run, a table for a comparison.

import { element } from '../charts/dom';
import { spreadOf } from '../charts/spread';
import { type Quantity, readableSpread } from '../charts/units';
import { type Group, type Summary } from './data';

interface Figure {
  label: string;
  of: keyof Summary;
  quantity: Quantity;
  ofSimulator?: true; // of the simulator itself: not in a comparison
}

const figures: Figure[] = [
  { label: 'Accuracy', of: 'final_test_accuracy', quantity: 'accuracy' },
  { label: 'Loss', of: 'final_test_loss', quantity: 'number' },
  { label: 'Rounds', of: 'rounds_completed', quantity: 'count' },
  { label: 'Virtual time', of: 'virtual_seconds', quantity: 'time' },
  { label: 'Upload', of: 'bytes_up', quantity: 'bytes' },
  { label: 'Download', of: 'bytes_down', quantity: 'bytes' },
  { label: 'Energy', of: 'energy_joules', quantity: 'energy' },
  { label: 'Epsilon', of: 'epsilon', quantity: 'number' },
  { label: 'Simulated in', of: 'wall_seconds', quantity: 'time' },
  { label: 'Samples/s', of: 'samples_per_second', quantity: 'count', ofSimulator: true },
  { label: 'Peak memory', of: 'peak_resident_bytes', quantity: 'bytes', ofSimulator: true },
];

function value(group: Group, { of, quantity }: Figure): string {
  const { mean, deviation } = spreadOf(group.runs.map(({ summary }) => summary[of]));
  return readableSpread(mean, deviation, quantity);
}

export function numbersSection(groups: readonly Group[]): HTMLElement {
  const shown = figures.filter(({ of }) => groups.some(
    ({ runs }) => runs.some(({ summary }) => summary[of] !== null)));
  const [only] = groups;
  const content = groups.length === 1 && only
    ? tiles(only, shown)
    : table(groups, shown.filter(({ ofSimulator }) => !ofSimulator));
  return element('section', { id: 'numbers' }, content);
}

function tiles(group: Group, shown: readonly Figure[]): HTMLElement {
  return element(
    'dl', { class: 'tiles' },
    ...shown.map((figure) => element(
      'div', {}, element('dt', {}, figure.label), element('dd', {}, value(group, figure)))));
}

function table(groups: readonly Group[], shown: readonly Figure[]): HTMLElement {
  const head = element(
    'tr', {}, element('th', { scope: 'col' }, 'Run'),
    element('th', { scope: 'col' }, 'Seeds'),
    ...shown.map(({ label }) => element('th', { scope: 'col' }, label)));
  const rows = groups.map((group) => element(
    'tr', {}, element('th', { scope: 'row' }, group.name),
    element('td', {}, group.runs.map(({ seed }) => seed).join(', ')),
    ...shown.map((figure) => element('td', {}, value(group, figure)))));
  return element(
    'div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Main numbers' },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)));
}
