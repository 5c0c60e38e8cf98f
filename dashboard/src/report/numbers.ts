// The main numbers: tiles for one kind of run, a table for a comparison.

import { element } from '../charts/dom';
import { spreadOf } from '../charts/spread';
import { type Quantity, readableSpread } from '../charts/units';
import { type Group, type Summary } from './data';

interface Figure {
  label: string;
  of: Exclude<keyof Summary, 'ended_early'>;
  quantity: Quantity;
  ofSimulator?: true; // of the simulator itself: not in a comparison
}

const figures: Figure[] = [
  { label: 'Accuracy', of: 'final_test_accuracy', quantity: 'accuracy' },
  { label: 'RMSE', of: 'final_test_rmse', quantity: 'number' },
  { label: 'Loss', of: 'final_test_loss', quantity: 'number' },
  { label: 'Rounds', of: 'rounds_completed', quantity: 'count' },
  { label: 'Failed rounds', of: 'rounds_failed', quantity: 'count' },
  { label: 'Virtual time', of: 'virtual_seconds', quantity: 'time' },
  { label: 'Upload', of: 'bytes_up', quantity: 'bytes' },
  { label: 'Download', of: 'bytes_down', quantity: 'bytes' },
  { label: 'Energy', of: 'energy_joules', quantity: 'energy' },
  { label: 'Epsilon', of: 'epsilon', quantity: 'bound' },
  { label: 'Simulated in', of: 'wall_seconds', quantity: 'time' },
  { label: 'Samples/s', of: 'samples_per_second', quantity: 'count', ofSimulator: true },
  { label: 'Peak memory', of: 'peak_resident_bytes', quantity: 'bytes', ofSimulator: true },
];

function value(group: Group, { of, quantity }: Figure): string {
  const values = group.runs.map(({ summary }) => summary[of]);
  const { mean, deviation } = spreadOf(values);
  const known = values.filter((each) => each !== null).length;
  const text = readableSpread(mean, deviation, quantity);
  return known === 0 || known === values.length
    ? text : `${text} (${known} of ${values.length} runs)`;
}

// "seed 7 ended early: at its time limit".
function earlyEnds(group: Group): HTMLElement[] {
  return group.runs
    .filter(({ summary }) => summary.ended_early !== '')
    .map(({ seed, summary }) =>
      element('p', { class: 'hint' }, `Seed ${seed} ended early: ${summary.ended_early}.`));
}

function seedsOf(group: Group): string {
  return group.runs
    .map(({ seed, summary }) => (summary.ended_early === '' ? seed : `${seed} (ended early)`))
    .join(', ');
}

export function numbersSection(groups: readonly Group[]): HTMLElement | null {
  const shown = figures.filter(({ of }) => groups.some(
    ({ runs }) => runs.some(({ summary }) => summary[of] !== null)));
  if (shown.length === 0) return null;
  const [only] = groups;
  const content = groups.length === 1 && only
    ? tiles(only, shown)
    : table(groups, shown.filter(({ ofSimulator }) => !ofSimulator));
  const ends = groups.length === 1 ? groups.flatMap(earlyEnds) : [];
  return element('section', { id: 'numbers' }, content, ...ends);
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
    element('td', {}, seedsOf(group)),
    ...shown.map((figure) => element('td', {}, value(group, figure)))));
  return element(
    'div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Main numbers' },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)));
}
