// Which classes' examples lie on which device: a column for each device, a row
// for each class, and above them how many examples the device has.

import { element } from './dom';
import { onThemeChange, rampColor, theme } from './theme';
import { Tooltip } from './tooltip';
import { readable } from './units';

export interface HeatMapData {
  columns: string[]; // names of devices
  rows: string[]; // names of classes
  values: number[][]; // [columns][rows]
}

const font = '11px system-ui, sans-serif';
const barsHeight = 48;
const gap = 6;
const bottom = 34;

interface Cell {
  column: number;
  row: number;
}

export class HeatMap {
  readonly root: HTMLElement;
  private readonly canvas = element('canvas', { tabindex: '0', role: 'img' });
  private readonly area = element('div', { class: 'area' });
  private readonly key = element('canvas', { class: 'key', 'aria-hidden': 'true' });
  private readonly keyText = element('span', {});
  private readonly tooltip = new Tooltip();
  private cell: Cell | null = null;

  constructor(title: string, note: string, private data: HeatMapData) {
    this.root = element(
      'figure', { class: 'wide' },
      element('figcaption', {}, element('h3', {}, title), element('p', {}, note)),
      element('div', { class: 'scale' }, element('span', {}, '0 %'), this.key, this.keyText),
      this.area);
    this.area.append(this.canvas, this.tooltip.root);
    this.canvas.setAttribute('aria-label', `${title}. Arrow keys read values.`);
    this.canvas.addEventListener('mousemove', (event) => this.onMove(event));
    this.canvas.addEventListener('mouseleave', () => this.point(null));
    this.canvas.addEventListener('blur', () => this.point(null));
    this.canvas.addEventListener('keydown', (event) => this.onKey(event));
    onThemeChange(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.area);
  }

  show(data: HeatMapData): void {
    this.data = data;
    this.point(null);
  }

  private layout() {
    const { columns, rows } = this.data;
    const width = this.area.clientWidth;
    const longest = Math.max(...rows.map((row) => row.length), 1);
    const left = Math.min(18 + longest * 6.5, width / 4);
    const rowHeight = Math.min(Math.max(240 / rows.length, 3), 24);
    const top = barsHeight + gap;
    return {
      width, left, top, rowHeight,
      columnWidth: (width - left - 1) / columns.length,
      height: top + rowHeight * rows.length + bottom,
    };
  }

  draw(): void {
    const { width, height } = this.layout();
    if (width === 0) return;
    const context = fit(this.canvas, width, height);
    this.drawCells(context);
    this.drawAmounts(context);
    this.drawNames(context);
    this.drawCell(context);
    this.drawKey();
  }

  private drawCells(context: CanvasRenderingContext2D): void {
    const { left, top, columnWidth, rowHeight } = this.layout();
    const largest = this.largestShare();
    const { rows, values } = this.data;
    values.forEach((column, i) => {
      const total = sum(column);
      rows.forEach((_, j) => {
        const share = total > 0 ? (column[j] as number) / total : 0;
        context.fillStyle = rampColor(largest > 0 ? share / largest : 0);
        // A hair of overlap, so that no seams show between narrow cells.
        const seam = columnWidth < 6 ? 0.5 : -1;
        context.fillRect(
          left + i * columnWidth, top + j * rowHeight,
          columnWidth + seam, rowHeight + (rowHeight < 6 ? 0.5 : -1));
      });
    });
  }

  private drawAmounts(context: CanvasRenderingContext2D): void {
    const { left, columnWidth } = this.layout();
    const totals = this.data.values.map(sum);
    const most = Math.max(...totals, 1);
    const seam = columnWidth < 6 ? 0 : 1;
    context.fillStyle = theme().neutral;
    totals.forEach((total, i) => {
      const size = ((barsHeight - 14) * total) / most;
      context.fillRect(left + i * columnWidth, barsHeight - size, columnWidth - seam, size);
    });
    context.fillStyle = theme().muted;
    context.font = font;
    context.textAlign = 'left';
    context.textBaseline = 'top';
    context.fillText(`up to ${readable(most, 'count')} examples`, left, 0);
  }

  private drawNames(context: CanvasRenderingContext2D): void {
    const { left, top, height, columnWidth, rowHeight } = this.layout();
    const { columns, rows } = this.data;
    context.fillStyle = theme().muted;
    context.font = font;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    const everyRow = Math.ceil(12 / rowHeight);
    rows.forEach((row, j) => {
      if (j % everyRow !== 0) return;
      context.fillText(row, left - 6, top + (j + 0.5) * rowHeight, left - 8);
    });
    context.textAlign = 'center';
    context.textBaseline = 'top';
    const widest = Math.max(...columns.map((name) => context.measureText(name).width));
    const everyColumn = niceStep((widest + 12) / columnWidth);
    columns.forEach((name, i) => {
      if (i % everyColumn !== 0) return;
      const middle = left + (i + 0.5) * columnWidth;
      const half = context.measureText(name).width / 2;
      if (middle + half > this.layout().width) return;
      context.fillText(name, Math.max(middle, half), height - bottom + 4);
    });
    context.fillText('device', left + (columnWidth * columns.length) / 2, height - 14);
  }

  // A frame around the cell that is read.
  private drawCell(context: CanvasRenderingContext2D): void {
    if (!this.cell) return;
    const { left, top, columnWidth, rowHeight } = this.layout();
    context.strokeStyle = theme().text;
    context.lineWidth = 2;
    context.strokeRect(
      left + this.cell.column * columnWidth, top + this.cell.row * rowHeight,
      columnWidth, rowHeight);
  }

  private drawKey(): void {
    const width = 160;
    const context = fit(this.key, width, 10);
    for (let x = 0; x < width; x++) {
      context.fillStyle = rampColor(x / (width - 1));
      context.fillRect(x, 0, 1.5, 10);
    }
    this.keyText.textContent =
      `${readable(this.largestShare(), 'share')} of the device's examples`;
  }

  private largestShare(): number {
    let largest = 0;
    for (const column of this.data.values) {
      largest = Math.max(largest, Math.max(...column) / Math.max(sum(column), 1));
    }
    return largest;
  }

  private onMove(event: MouseEvent): void {
    const { left, top, columnWidth, rowHeight } = this.layout();
    const column = Math.floor((event.offsetX - left) / columnWidth);
    const row = Math.floor((event.offsetY - top) / rowHeight);
    const inside = this.data.columns[column] !== undefined &&
      this.data.rows[row] !== undefined;
    this.point(inside ? { column, row } : null);
  }

  private onKey(event: KeyboardEvent): void {
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    };
    const step = steps[event.key];
    if (!step) return;
    const { column, row } = this.cell ?? { column: -step[0], row: -step[1] };
    const last = { column: this.data.columns.length - 1, row: this.data.rows.length - 1 };
    this.point({
      column: Math.min(Math.max(column + step[0], 0), last.column),
      row: Math.min(Math.max(row + step[1], 0), last.row),
    });
    event.preventDefault();
  }

  private point(cell: Cell | null): void {
    this.cell = cell;
    this.draw();
    if (!cell) {
      this.tooltip.hide();
      return;
    }
    const { left, top, columnWidth, rowHeight } = this.layout();
    const values = this.data.values[cell.column] as number[];
    const count = values[cell.row] as number;
    const total = sum(values);
    this.tooltip.show(
      `device ${this.data.columns[cell.column]}`,
      [
        {
          label: `class ${this.data.rows[cell.row]}`,
          value: `${readable(count, 'count')} examples`,
        },
        { label: 'of its own', value: readable(total > 0 ? count / total : 0, 'share') },
        { label: 'in all', value: `${readable(total, 'count')} examples` },
      ],
      left + (cell.column + 0.5) * columnWidth,
      top + (cell.row + 0.5) * rowHeight);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

// 1, 2, 5, 10, 20, …: the smallest of them that is not below `least`.
function niceStep(least: number): number {
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) {
      if (digit * power >= least) return digit * power;
    }
  }
}

// Sizes a canvas in CSS pixels and clears it.
function fit(canvas: HTMLCanvasElement, width: number, height: number):
    CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.scale(ratio, ratio);
  return context;
}
