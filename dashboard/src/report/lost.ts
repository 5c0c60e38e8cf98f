// Devices that were assigned and did not report: how many, and why.

import { element } from '../charts/dom';
import { Plot } from '../charts/plot';
import { type PlotLine } from '../charts/plot_layout';
import { spreadOf } from '../charts/spread';
import { hue } from '../charts/theme';
import { readable } from '../charts/units';
import { isVisible } from '../charts/visibility';
import { type Group, type Run } from './data';

// How many bars a plot of rounds has at most; more rounds are averaged.
const mostBars = 100;

interface Lost {
  reason: string;
  perRound: (number | null)[]; // in the mean of the rounds of a bar
}

// Devices lost per round by reason, in the mean over a group's seeds.
function lostDevices(group: Group): { x: number[]; reasons: Lost[] } {
  const reasons = new Map<string, { key: number[]; y: (number | null)[] }[]>();
  const note = (reason: string, run: Run, y: (number | null)[]) => {
    const runs = reasons.get(reason) ?? [];
    runs.push({ key: run.rounds.round, y });
    reasons.set(reason, runs);
  };
  for (const run of group.runs) {
    note('too late', run, run.rounds.stragglers);
    for (const { reason, devices } of run.rounds.dropouts) note(reason, run, devices);
  }
  const last = Math.max(...group.runs.map(({ rounds }) => rounds.round.at(-1) ?? 0));
  const width = Math.ceil(last / mostBars);
  const x: number[] = [];
  for (let start = 1; start <= last; start += width) x.push(start + (width - 1) / 2);
  const binned = (runs: { key: number[]; y: (number | null)[] }[]) => {
    const bins: (number | null)[][] = x.map(() => []);
    for (const { key, y } of runs) {
      key.forEach((round, i) => bins[Math.floor((round - 1) / width)]?.push(y[i] ?? null));
    }
    return bins.map((values) => spreadOf(values).mean);
  };
  return {
    x,
    reasons: [...reasons]
      .filter(([, runs]) => runs.some(({ y }) => y.some((value) => (value ?? 0) > 0)))
      .map(([reason, runs]) => ({ reason, perRound: binned(runs) })),
  };
}

// Bars from zero, the tallest drawn first, so that what a reason adds is seen.
function stack(x: number[], reasons: Lost[]): PlotLine[] {
  const sums = x.map(() => 0);
  const lines: PlotLine[] = [];
  reasons.forEach(({ reason, perRound }, index) => {
    const key = `lost:${reason}`;
    if (isVisible({ key })) {
      perRound.forEach((value, i) => { sums[i] = (sums[i] as number) + (value ?? 0); });
    }
    lines.push({
      key, label: reason, color: hue(index), dash: 'filled',
      points: { x, y: [...sums] }, bar: { read: perRound },
    });
  });
  return lines;
}

export function lostSection(groups: readonly Group[]): HTMLElement | null {
  const plots: Plot[] = [];
  for (const group of groups) {
    const { x, reasons } = lostDevices(group);
    if (reasons.length === 0) continue;
    const mean = (of: 'assigned' | 'reported') =>
      readable(spreadOf(group.runs.flatMap(({ rounds }) => rounds[of])).mean, 'count');
    const rounds = x.length > 1 ? (x[1] as number) - (x[0] as number) : 1;
    const bars = rounds > 1 ? ` A bar is the mean of ${rounds} rounds.` : '';
    plots.push(new Plot(
      groups.length > 1 ? `${group.name}: devices lost per round` : 'Devices lost per round',
      `Of ${mean('assigned')} assigned, ${mean('reported')} reported in the mean.${bars}`,
      () => {
        const lines = stack(x, reasons);
        return {
          x: {
            label: 'round', quantity: 'count',
            title: (at) => rounds === 1
              ? `round ${at}`
              : `rounds ${at - (rounds - 1) / 2} to ${at + (rounds - 1) / 2}`,
          },
          y: { label: 'devices', quantity: 'count', lowest: 0 },
          legend: lines,
          lines,
        };
      }, 240));
  }
  if (plots.length === 0) return null;
  return element(
    'section', { id: 'lost' }, element('h2', {}, 'Stragglers and dropouts'),
    element('div', { class: 'plots' }, ...plots.map(({ root }) => root)));
}
