// How the data lie: which classes are on which device.

import { element } from '../charts/dom';
import { HeatMap, type HeatMapData } from '../charts/heat_map';
import { readable } from '../charts/units';
import { type Group, type Labels, type Run } from './data';

function pictureOf(labels: Labels): HeatMapData {
  return { columns: labels.devices, rows: labels.classes, values: labels.examples };
}

export function dataSection(groups: readonly Group[]): HTMLElement | null {
  const runs = groups
    .map(({ runs }) => runs.find(({ labels }) => labels.examples.length > 0))
    .filter((run): run is Run => run !== undefined);
  const [first] = runs;
  if (!first) return null;
  const shown = first.labels.devices.length;
  const map = new HeatMap(
    'Examples by device and class',
    `${shown < first.devices.total ? `A sample of ${shown} of` : 'All'} ` +
      `${readable(first.devices.total, 'count')} devices, from left to right.`,
    pictureOf(first.labels));
  const section = element(
    'section', { id: 'data' },
    element('div', { class: 'bar' }, element('h2', {}, 'Data')), map.root);
  const differ = runs.some(
    (run) => JSON.stringify(run.labels) !== JSON.stringify(first.labels));
  if (differ) section.firstElementChild?.append(runChoice(runs, map));
  return section;
}

function runChoice(runs: Run[], map: HeatMap): HTMLElement {
  const select = element('select', { 'aria-label': 'run' });
  runs.forEach(({ name }, i) => select.append(element('option', { value: String(i) }, name)));
  select.onchange = () => {
    const run = runs[Number(select.value)];
    if (run) map.show(pictureOf(run.labels));
  };
  return select;
}
