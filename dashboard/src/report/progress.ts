// Accuracy, loss and epsilon over what the training took: rounds, virtual time,
// bytes, joules. One switch for all of them.

import { element } from '../charts/dom';
import { type LegendEntry } from '../charts/legend';
import { Plot } from '../charts/plot';
import { type Axis, type PlotLine, type PlotModel } from '../charts/plot_layout';
import { meanCurve, onCommonKeys, type Samples, spreadOf } from '../charts/spread';
import { hue, hueDash, theme } from '../charts/theme';
import { type Baselines, type Column, type Group, type Rounds, type Run } from './data';

interface Position extends Axis {
  name: string; // on the switch
  of: (rounds: Rounds) => Column;
}

const rounds: Position = {
  name: 'rounds', label: 'round', quantity: 'count', of: ({ round }) => round,
  title: (round) => `round ${Math.round(round)}`,
};

const positions: Position[] = [
  rounds,
  {
    name: 'virtual time', label: 'virtual time', quantity: 'time',
    of: ({ virtual_seconds }) => virtual_seconds,
  },
  {
    name: 'bytes', label: 'bytes down and up', quantity: 'bytes',
    of: ({ bytes_down, bytes_up }) =>
      bytes_down.map((down, i) => add(down, bytes_up[i])),
  },
  {
    name: 'energy', label: 'energy of all devices', quantity: 'energy',
    of: ({ energy_joules }) => energy_joules,
  },
];

function add(a: number | null, b: number | null | undefined): number | null {
  return a === null || b === null || b === undefined ? null : a + b;
}

const known = (column: Column) => column.some((value) => value !== null);

// Has any run these numbers?
function measured(groups: readonly Group[], of: (run: Run) => Column): boolean {
  return groups.some(({ runs }) => runs.some((run) => known(of(run))));
}

export function progressSection(groups: readonly Group[]): HTMLElement | null {
  let position = rounds;
  const plots: Plot[] = [];
  const choices = positions.filter(({ of }) => measured(groups, (run) => of(run.rounds)));
  const axisSwitch = xSwitch(choices, (chosen) => {
    position = chosen;
    for (const plot of plots) plot.render(false);
  });
  const several = groups.some(({ runs }) => runs.length > 1);
  const note = several ? 'Mean over seeds; the band is one standard deviation.' : '';
  const over = (y: Axis, lines: () => PlotLine[]): PlotModel =>
    model(position, y, lines());
  if (measured(groups, (run) => run.rounds.test_accuracy)) {
    plots.push(new Plot('Accuracy on held-out data', note, () =>
      over({ label: 'accuracy', quantity: 'accuracy', lowest: 0, highest: 1 }, () => [
        ...groups.map((group, i) => curve(group, i, position, 'test_accuracy')),
        ...baselines(groups, position, 'accuracy'),
      ])));
  }
  if (measured(groups, (run) => run.rounds.test_rmse)) {
    plots.push(new Plot('Root mean squared error on held-out data', note, () =>
      over({ label: 'RMSE', quantity: 'number', lowest: 0 }, () =>
        groups.map((group, i) => curve(group, i, position, 'test_rmse')))));
  }
  if (measured(groups, ({ rounds }) => [...rounds.test_loss, ...rounds.train_loss])) {
    plots.push(new Plot('Loss', note, () =>
      over({ label: 'loss', quantity: 'number' }, () => [
        ...groups.map((group, i) => curve(group, i, position, 'test_loss')),
        ...groups.map((group, i) => curve(group, i, position, 'train_loss')),
        ...baselines(groups, position, 'loss'),
      ])));
  }
  if (measured(groups, (run) => run.rounds.epsilon)) {
    plots.push(new Plot('Privacy spent: epsilon', note, () =>
      over({ label: 'epsilon', quantity: 'bound', lowest: 0 }, () => [
        ...groups.map((group, i) => curve(group, i, position, 'epsilon')),
        ...budgets(groups),
      ])));
  }
  if (plots.length === 0) return null;
  return element(
    'section', { id: 'progress' },
    element('div', { class: 'bar' }, element('h2', {}, 'Training'), axisSwitch),
    element('div', { class: 'plots' }, ...plots.map(({ root }) => root)));
}

function xSwitch(
  choices: readonly Position[], choose: (chosen: Position) => void): HTMLElement {
  const field = element(
    'fieldset', { class: 'switch' }, element('legend', {}, 'over'));
  for (const choice of choices) {
    const input = element('input', { type: 'radio', name: 'x', value: choice.name });
    input.checked = choice === rounds;
    input.onchange = () => choose(choice);
    field.append(element('label', {}, input, element('span', {}, choice.name)));
  }
  return field;
}

// One entry for the training losses of all groups, which would fill the legend.
function legendOf(lines: PlotLine[]): LegendEntry[] {
  const training = lines.filter(({ key }) => key === 'train');
  if (training.length < 2) return lines;
  const entry = {
    key: 'train', label: 'training', color: theme().neutral, dash: [1, 3],
  };
  return lines.flatMap((line): LegendEntry[] =>
    line === training[0] ? [entry] : line.key === 'train' ? [] : [line]);
}

function model(x: Position, y: Axis, candidates: PlotLine[]): PlotModel {
  const lines = candidates.filter(
    ({ points }) => 'level' in points || points.x.length > 0);
  return { x, y, legend: legendOf(lines), lines };
}

type Measure = 'test_accuracy' | 'test_rmse' | 'test_loss' | 'train_loss' | 'epsilon';

function curve(group: Group, index: number, x: Position, measure: Measure): PlotLine {
  const { mean, low, high, ...rest } = meanCurve(
    group.runs.map((run) => ({
      key: run.rounds.round, x: x.of(run.rounds), y: run.rounds[measure],
    })));
  const train = measure === 'train_loss';
  const name = measure === 'test_loss' ? `${group.name}, held-out` : group.name;
  return {
    key: train ? 'train' : `run:${group.name}`,
    ...(train ? { within: `run:${group.name}` } : {}),
    label: train ? `${group.name}, training` : name,
    color: hue(index),
    dash: train ? [1, 3] : hueDash(index),
    points: { x: rest.x, y: mean },
    ...(group.runs.length > 1 ? { band: { low, high } } : {}),
  };
}

// The mean over a group's seeds, each of which has baselines of its own.
interface Levels {
  local: number | null;
  deviation: number;
  final: number | null; // of the central curve
  runs: Samples[]; // of the central curve
}

function levelsOf(group: Group, measure: 'accuracy' | 'loss'): Levels {
  const all = group.runs.map((run): Baselines => run.baselines);
  const central = all.map(({ central }) => ({
    key: central.round,
    y: measure === 'accuracy' ? central.test_accuracy : central.test_loss,
  }));
  const mean = (values: (number | null)[]) => spreadOf(values).mean;
  return {
    local: mean(all.map((each) =>
      measure === 'accuracy' ? each.local_accuracy : each.local_loss)),
    deviation: measure === 'accuracy'
      ? mean(all.map((each) => each.local_accuracy_deviation)) ?? 0
      : 0,
    final: mean(central.map(({ y }) => y.at(-1) ?? null)),
    // An epoch over all data is as many rounds as a seed's rounds make it.
    runs: onCommonKeys(central),
  };
}

// Dashed: what devices reach alone, and a model trained on all data in one
// place. Drawn once where all runs share them. Central training has rounds, but
// neither joules nor bytes of a fleet: over those it is its final value.
function baselines(
  groups: readonly Group[], x: Position, measure: 'accuracy' | 'loss'): PlotLine[] {
  const all = groups.map((group) => levelsOf(group, measure));
  const shared = all.every(
    (each) => each.local === all[0]?.local && each.final === all[0]?.final);
  const lines: PlotLine[] = [];
  all.slice(0, shared ? 1 : undefined).forEach((levels, i) => {
    const color = shared ? theme().neutral : hue(i);
    const suffix = shared ? '' : `, as for ${groups[i]?.name}`;
    const within = shared ? {} : { within: `run:${groups[i]?.name}` };
    const { local, deviation, final, runs } = levels;
    if (final !== null) {
      const { x: at, mean } = meanCurve(runs);
      lines.push({
        key: `central${suffix}`, label: `all data in one place${suffix}`,
        ...within, color, dash: [9, 4],
        points: x === rounds ? { x: at, y: mean } : { level: final },
      });
    }
    if (local !== null) {
      lines.push({
        key: `local${suffix}`, label: `devices alone, in the mean${suffix}`,
        ...within, color, dash: [4, 4],
        points: { level: local },
        ...(deviation > 0
          ? { band: { low: local - deviation, high: local + deviation } }
          : {}),
      });
    }
  });
  return lines;
}

function budgets(groups: readonly Group[]): PlotLine[] {
  const values = groups.flatMap(({ runs }) => runs.map((run) => run.epsilon_budget));
  const distinct = [...new Set(values.filter((value): value is number => value !== null))];
  return distinct.map((level) => ({
    key: `budget:${level}`, label: `budget, ${level}`,
    color: theme().neutral, dash: [9, 4],
    points: { level },
  }));
}
