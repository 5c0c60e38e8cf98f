// A plot of lines or stacked bars: uPlot inside a figure with a title, a legend,
// the values under the pointer, zoom, and the same by keyboard.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { element } from './dom';
import { fillLegend } from './legend';
import {
  type Axis, largestX, largestY, type Layout, layOut, type PlotLine, type PlotModel,
} from './plot_layout';
import { onThemeChange, theme } from './theme';
import { type Reading, Tooltip } from './tooltip';
import { plainNumber, readable, unitFor } from './units';
import { isVisible, onVisibilityChange } from './visibility';

const font = '12px system-ui, sans-serif';

// Between the ticks of rounds: 1, 2, 5, 10, …
const wholeSteps = Array.from(
  { length: 21 }, (_, i) => ([1, 2, 5][i % 3] as number) * 10 ** Math.floor(i / 3));

export class Plot {
  readonly root: HTMLElement;
  private readonly legend = element('ul', { class: 'legend' });
  private readonly area = element('div', { class: 'area', tabindex: '0' });
  private readonly reset = element(
    'button', { type: 'button', class: 'reset', hidden: '' }, 'Reset zoom');
  private readonly tooltip = new Tooltip();
  private readonly unit = element('span', { class: 'unit' });
  private plot: uPlot | null = null;
  private model: PlotModel | null = null;
  private drawn: PlotLine[] = []; // of uPlot's series 1, 2, …; bands repeat
  private ySize = 1; // of the y axis's unit, in base units
  private zoomed = false;

  // `model` is asked again whenever something about the picture changes.
  constructor(
    title: string,
    note: string,
    private readonly makeModel: () => PlotModel,
    private readonly height = 300,
  ) {
    const caption = element('figcaption', {}, element('h3', {}, title, this.unit));
    if (note) caption.append(element('p', {}, note));
    this.root = element('figure', {}, caption, this.legend, this.area);
    this.area.setAttribute('role', 'group');
    this.area.setAttribute(
      'aria-label',
      `${title}. Arrow keys read values, plus and minus zoom, Escape resets.`);
    this.area.append(this.reset, this.tooltip.root);
    this.reset.onclick = () => this.render(false);
    this.area.addEventListener('keydown', (event) => this.onKey(event));
    this.area.addEventListener('blur', () => this.tooltip.hide());
    onThemeChange(() => this.render(true));
    onVisibilityChange(() => this.render(true));
    new ResizeObserver(() => this.resize()).observe(this.area);
  }

  // Draws anew, inside the same zoom if wanted.
  render(keepZoom: boolean): void {
    const width = this.area.clientWidth;
    if (width === 0) return; // not laid out yet; resize() follows
    const window =
      keepZoom && this.zoomed && this.plot ? { ...this.plot.scales['x'] } : null;
    this.plot?.destroy();
    this.tooltip.hide();
    this.model = this.makeModel();
    fillLegend(this.legend, this.model.legend);
    this.plot = this.draw(this.model, width);
    this.setZoomed(false);
    if (window && window.min !== undefined && window.max !== undefined) {
      this.zoom(window.min, window.max);
    }
  }

  private resize(): void {
    const width = this.area.clientWidth;
    if (!this.plot) this.render(false);
    else if (width !== this.plot.width && width > 0) {
      this.plot.setSize({ width, height: this.height });
    }
  }

  private setZoomed(zoomed: boolean): void {
    this.zoomed = zoomed;
    this.reset.hidden = !zoomed;
  }

  private zoom(min: number, max: number): void {
    this.plot?.setScale('x', { min, max });
    this.setZoomed(true);
  }

  private draw(model: PlotModel, width: number): uPlot {
    const visible = model.lines.filter(isVisible).reverse();
    // Units are those of all lines, so that hiding one does not change them.
    const xUnit = unitFor(model.x.quantity, largestX(model.lines), 2);
    const yUnit = unitFor(model.y.quantity, largestY(model.lines), 2);
    this.unit.textContent = yUnit.symbol;
    const { data, series, bands, drawn } = layOut(visible, xUnit.size, yUnit.size);
    this.drawn = drawn;
    this.ySize = yUnit.size;
    const bars = visible.some((line) => line.bar);
    const axis = axisStyle();
    const options: uPlot.Options = {
      width,
      height: this.height,
      series,
      bands,
      legend: { show: false },
      padding: [8, 16, 0, 4],
      scales: {
        x: { time: false, ...(bars ? { range: padForBars(data) } : {}) },
        y: { range: (_, low, high) => yRange(model.y, yUnit.size, low, high) },
      },
      axes: [
        {
          ...axis,
          label: [model.x.label, xUnit.symbol].filter(Boolean).join(', '),
          labelFont: font,
          labelSize: 20,
          labelGap: 2,
          size: 26,
          ...(model.x.quantity === 'count' ? { incrs: wholeSteps } : {}),
          values: (_, splits) => splits.map(plainNumber),
        },
        {
          ...axis,
          size: (_, texts) =>
            16 + 7 * Math.max(2, ...(texts ?? []).map((text) => text.length)),
          values: (_, splits) => splits.map(plainNumber),
        },
      ],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: true },
        dataIdx: nearestKnown,
        points: { size: (_, index) => this.dotSize(index) },
      },
      hooks: {
        setCursor: [(u) => this.read(u, xUnit.size)],
        setSelect: [(u) => this.setZoomed(u.select.width > 0 || this.zoomed)],
      },
    };
    const plot = new uPlot(options, data as uPlot.AlignedData, this.area);
    plot.over.addEventListener('dblclick', () => this.setZoomed(false));
    return plot;
  }

  // A dot on every line under the pointer; none on bars and edges of bands.
  private dotSize(index: number): number {
    const line = this.drawn[index - 1] as PlotLine;
    const first = this.drawn.indexOf(line) === index - 1;
    return first && !line.bar ? 8 : 0;
  }

  private read(u: uPlot, xSize: number): void {
    const { left, top, idx } = u.cursor;
    const model = this.model;
    if (!model || left === undefined || left < 0 || idx === null || idx === undefined) {
      this.tooltip.hide();
      return;
    }
    const x = (u.data[0][idx] as number) * xSize;
    const title = model.x.title?.(x) ?? readable(x, model.x.quantity);
    const readings: Reading[] = [];
    for (const line of model.lines) {
      const index = this.drawn.indexOf(line);
      const at = u.cursor.idxs?.[index + 1];
      if (index < 0 || at === null || at === undefined) continue;
      const drawn = u.data[index + 1]?.[at] ?? NaN;
      const value = line.bar ? line.bar.read[at] : drawn * this.ySize;
      readings.push({ ...line, value: readable(value, model.y.quantity) });
    }
    this.tooltip.show(
      title, readings, left + u.over.offsetLeft, (top ?? 0) + u.over.offsetTop);
  }

  private onKey(event: KeyboardEvent): void {
    const u = this.plot;
    if (!u || event.ctrlKey || event.metaKey || event.altKey) return;
    const { min, max } = u.scales['x'] ?? {};
    if (min === undefined || max === undefined) return;
    const xs = u.data[0];
    const current = u.cursor.idx ?? null;
    const middle = current === null ? (min + max) / 2 : (xs[current] as number);
    const quarter = (max - min) / 4;
    switch (event.key) {
      case 'ArrowLeft':
      case 'ArrowRight': {
        const step = event.key === 'ArrowLeft' ? -1 : 1;
        const start = current ?? (step > 0 ? -1 : xs.length);
        this.pointAt(u, Math.min(Math.max(start + step, 0), xs.length - 1));
        break;
      }
      case '+':
      case '=':
        this.zoom(middle - quarter, middle + quarter);
        break;
      case '-':
      case 'Escape':
        this.render(false);
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  private pointAt(u: uPlot, index: number): void {
    const left = u.valToPos(u.data[0][index] as number, 'x');
    u.setCursor({ left, top: u.over.clientHeight / 3 });
  }
}

function axisStyle(): uPlot.Axis {
  const colors = theme();
  const line = { stroke: colors.grid, width: 1 };
  return { stroke: colors.muted, font, grid: line, ticks: { ...line, size: 5 } };
}

function yRange(axis: Axis, size: number, low: number | null, high: number | null):
    uPlot.Range.MinMax {
  if (low === null || high === null) return [0, 1];
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  const lowest = axis.lowest === undefined ? -Infinity : axis.lowest / size;
  const highest = axis.highest === undefined ? Infinity : axis.highest / size;
  return [Math.max(low - margin, lowest), Math.min(high + margin, highest)];
}

// Half a bar to the left and right of the first and last one.
function padForBars(data: Layout['data']): uPlot.Scale.Range {
  const xs = data[0] as number[];
  const half = xs.length > 1 ? ((xs[1] as number) - (xs[0] as number)) / 2 : 0.5;
  return (_, min, max) => [min - half, max + half];
}

// The point of a line that is nearest to the pointer: lines over bytes or time
// have their points at different places.
function nearestKnown(
  u: uPlot, seriesIndex: number, hovered: number, x: number): number {
  const values = u.data[seriesIndex] as (number | null | undefined)[];
  const known = (i: number) => values[i] !== null && values[i] !== undefined;
  if (seriesIndex === 0 || known(hovered)) return hovered;
  let left = hovered;
  let right = hovered;
  while (left >= 0 && !known(left)) left--;
  while (right < values.length && !known(right)) right++;
  if (left < 0) return right < values.length ? right : hovered;
  if (right >= values.length) return left;
  const xs = u.data[0];
  return x - (xs[left] as number) <= (xs[right] as number) - x ? left : right;
}
