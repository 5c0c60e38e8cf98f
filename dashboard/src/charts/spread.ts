// Means and spreads over runs that differ in their seed alone.

export interface Spread {
  mean: number | null; // null when nothing was measured
  deviation: number; // sample standard deviation; 0 for a single value
}

export function spreadOf(values: readonly (number | null | undefined)[]): Spread {
  const known = values.filter(
    (value): value is number => typeof value === 'number',
  );
  if (known.length === 0) return { mean: null, deviation: 0 };
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  if (known.length === 1) return { mean, deviation: 0 };
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (known.length - 1)) };
}

export interface Curve {
  x: number[];
  mean: (number | null)[];
  low: (number | null)[]; // mean − deviation
  high: (number | null)[];
}

interface Samples {
  key: readonly number[]; // what pairs points of different runs: the round
  x: readonly (number | null)[];
  y: readonly (number | null)[];
}

// The mean curve of several runs. Points with the same key are averaged in both
// directions, so that a band over bytes or joules is of the same round's values
// and does not depend on how the runs' positions interleave. Where some runs
// have no such point, those that have one count.
export function meanCurve(runs: readonly Samples[]): Curve {
  const points = new Map<number, { x: number[]; y: number[] }>();
  for (const run of runs) {
    run.key.forEach((key, i) => {
      const x = run.x[i];
      const y = run.y[i];
      if (typeof x !== 'number' || typeof y !== 'number') return;
      const point = points.get(key) ?? { x: [], y: [] };
      point.x.push(x);
      point.y.push(y);
      points.set(key, point);
    });
  }
  const rows = [...points.values()].map(({ x, y }) => ({
    x: spreadOf(x).mean as number,
    y: spreadOf(y),
  }));
  rows.sort((a, b) => a.x - b.x);
  const curve: Curve = { x: [], mean: [], low: [], high: [] };
  for (const { x, y } of rows) {
    const mean = y.mean as number;
    curve.x.push(x);
    curve.mean.push(mean);
    curve.low.push(mean - y.deviation);
    curve.high.push(mean + y.deviation);
  }
  return curve;
}
