// What a plot shows, and how uPlot wants it: one x axis, columns of numbers in
// the units of the axes.

import uPlot from 'uplot';

import { type LegendEntry } from './legend';
import { withAlpha } from './theme';
import { type Quantity } from './units';

type Values = readonly (number | null)[];

export interface PlotLine extends LegendEntry {
  // Points with x ascending, or the same value everywhere.
  points: { x: readonly number[]; y: Values } | { level: number };
  // A band around the line: bounds at the same x.
  band?: { low: Values; high: Values } | { low: number; high: number };
  // Drawn as a bar from zero instead; what a reader is told is in `read`.
  bar?: { read: Values };
}

export interface Axis {
  label: string;
  quantity: Quantity;
  title?: (value: number) => string; // of a position; default: its value
  lowest?: number; // what the axis never goes below
  highest?: number;
}

export interface PlotModel {
  x: Axis;
  y: Axis;
  legend: LegendEntry[];
  lines: PlotLine[]; // the first one is drawn last, on top
}

export function largestX(lines: readonly PlotLine[]): number {
  return Math.max(
    0, ...lines.map(({ points }) => ('x' in points ? points.x.at(-1) ?? 0 : 0)));
}

export function largestY(lines: readonly PlotLine[]): number {
  let largest = 0;
  for (const { points } of lines) {
    const values = 'y' in points ? points.y : [points.level];
    for (const value of values) largest = Math.max(largest, Math.abs(value ?? 0));
  }
  return largest;
}

export interface Layout {
  data: (number | null | undefined)[][];
  series: uPlot.Series[];
  bands: uPlot.Band[];
  drawn: PlotLine[];
}

// Lines on one x axis, scaled to the units of the axes, as uPlot wants them. A
// line with a band is three series.
export function layOut(lines: readonly PlotLine[], xSize: number, ySize: number): Layout {
  const scaled = (values: Values) =>
    values.map((value) => (value === null ? null : value / ySize));
  const tables = lines.flatMap(({ points, band }) => {
    if (!('x' in points)) return [];
    const table = [points.x.map((x) => x / xSize), scaled(points.y)];
    if (band && typeof band.low !== 'number') {
      table.push(scaled(band.low as Values), scaled(band.high as Values));
    }
    return [table];
  });
  const joined = tables.length > 0
    ? (uPlot.join(tables as uPlot.AlignedData[]) as Layout['data'])
    : [[0, 1]];
  const layout: Layout = {
    data: [joined[0] as number[]], series: [{}], bands: [], drawn: [],
  };
  let next = 1;
  for (const line of lines) {
    const columns = 'level' in line.points
      ? levels(line, (joined[0] as number[]).length, ySize)
      : joined.slice(next, (next += line.band ? 3 : 1));
    addSeries(layout, line, columns);
  }
  return layout;
}

function levels(line: PlotLine, count: number, ySize: number): number[][] {
  const values = [(line.points as { level: number }).level];
  if (line.band && typeof line.band.low === 'number') {
    values.push(line.band.low, line.band.high as number);
  }
  return values.map((value) => new Array<number>(count).fill(value / ySize));
}

function addSeries(layout: Layout, line: PlotLine, columns: Layout['data']): void {
  const { data, series, bands, drawn } = layout;
  const first = series.length;
  const dash = line.dash === 'filled' ? [] : [...line.dash];
  series.push(
    line.bar
      ? {
          stroke: line.color,
          fill: line.color,
          width: 0,
          paths: uPlot.paths.bars?.({ size: [0.85, 48] }),
          points: { show: false },
        }
      : {
          stroke: line.color,
          width: 2,
          dash,
          points: 'level' in line.points
            ? { show: false }
            : { size: line.points.x.length > 1 ? 4 : 9, fill: line.color },
        });
  for (let i = 1; i < columns.length; i++) {
    series.push({ stroke: 'transparent', width: 0, points: { show: false } });
  }
  if (columns.length === 3) {
    bands.push({ series: [first + 2, first + 1], fill: withAlpha(line.color, 0.16) });
  }
  for (const column of columns) {
    data.push(column);
    drawn.push(line);
  }
}
