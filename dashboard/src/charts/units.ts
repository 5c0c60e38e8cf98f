// Numbers as people read them: 87.2 %, 1.25 MB, 3.4 kJ, 5.1 h.

export type Quantity =
  | 'accuracy'
  | 'bound'
  | 'bytes'
  | 'count'
  | 'energy'
  | 'number'
  | 'share'
  | 'time';

interface Unit {
  size: number; // in base units: bytes, joules, seconds
  symbol: string;
}

// Smallest first.
const units: Record<Quantity, Unit[]> = {
  accuracy: [{ size: 0.01, symbol: '%' }],
  share: [{ size: 0.01, symbol: '%' }],
  count: [{ size: 1, symbol: '' }],
  number: [{ size: 1, symbol: '' }],
  bound: [{ size: 1, symbol: '' }],
  bytes: [
    { size: 1, symbol: 'B' },
    { size: 1e3, symbol: 'kB' },
    { size: 1e6, symbol: 'MB' },
    { size: 1e9, symbol: 'GB' },
    { size: 1e12, symbol: 'TB' },
    { size: 1e15, symbol: 'PB' },
  ],
  energy: [
    { size: 1e-3, symbol: 'mJ' },
    { size: 1, symbol: 'J' },
    { size: 1e3, symbol: 'kJ' },
    { size: 1e6, symbol: 'MJ' },
    { size: 1e9, symbol: 'GJ' },
    { size: 1e12, symbol: 'TJ' },
  ],
  time: [
    { size: 1e-3, symbol: 'ms' },
    { size: 1, symbol: 's' },
    { size: 60, symbol: 'min' },
    { size: 3600, symbol: 'h' },
    { size: 86400, symbol: 'd' },
  ],
};

// The largest unit of which `largest` has at least `atLeast`: one for a single
// number, more for an axis, which shall not count to 1.5 days.
export function unitFor(
  quantity: Quantity,
  largest: number,
  atLeast = 1,
): Unit {
  const candidates = units[quantity];
  let chosen = candidates[0] as Unit;
  for (const unit of candidates) {
    if (Math.abs(largest) >= atLeast * unit.size) chosen = unit;
  }
  return chosen;
}

// 1234567 → "1,234,567"; 0.0123456 → "0.01235": four significant digits of
// fractions, all digits of whole numbers below a million million.
export function plainNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const magnitude = Math.abs(value);
  if (magnitude >= 1e12 || (magnitude > 0 && magnitude < 1e-4)) {
    return value.toExponential(3);
  }
  if (Number.isInteger(value) || magnitude >= 1e4) {
    return Math.round(value).toLocaleString('en-US');
  }
  return String(Number(value.toPrecision(4)));
}

// What shall not be exceeded: 8.52612 → "8.527".
function upperBound(value: number): string {
  const nearest = plainNumber(value);
  if (Number(nearest.replaceAll(',', '')) >= value * (1 - 1e-12)) return nearest;
  const digit = 10 ** (Math.floor(Math.log10(value)) - 3);
  return plainNumber(Math.ceil(value / digit) * digit);
}

function withUnit(value: number, unit: Unit, decimals: number): string {
  const text = (value / unit.size).toFixed(decimals);
  return unit.symbol ? `${text} ${unit.symbol}` : text;
}

// One number for a reader, with its unit.
export function readable(
  value: number | null | undefined,
  quantity: Quantity,
): string {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return '–';
  }
  switch (quantity) {
    case 'accuracy':
    case 'share':
      return `${(value * 100).toFixed(1)} %`;
    case 'count':
      return plainNumber(Math.round(value * 10) / 10);
    case 'number':
      return plainNumber(value);
    case 'bound':
      return upperBound(value);
    default: {
      const unit = unitFor(quantity, value);
      const scaled = Math.abs(value / unit.size);
      if (unit.size === 1 && quantity === 'bytes') {
        return withUnit(value, unit, 0);
      }
      return withUnit(value, unit, scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2);
    }
  }
}

// "6.39 ± 0.12 h": both in the unit of the mean, the spread to its leading digit
// (or two where that is a 1), and no more than four digits of the mean.
export function readableSpread(
  mean: number | null,
  deviation: number,
  quantity: Quantity,
): string {
  if (mean === null || deviation === 0) return readable(mean, quantity);
  const { size, symbol } = unitFor(quantity, mean);
  const place = Math.floor(Math.log10(deviation / size));
  const leading = deviation / size / 10 ** place;
  const largest = Math.floor(Math.log10(Math.max(Math.abs(mean / size), 1e-9)));
  const decimals = Math.max(Math.min(leading < 2 ? 1 - place : -place, 3 - largest), 0);
  const [middle, spread] = [mean, deviation].map((value) =>
    (value / size).toLocaleString('en-US', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    }),
  );
  if (Number(spread) === 0) return readable(mean, quantity);
  return `${middle} ± ${spread} ${symbol}`.trim();
}
