// Colours of what is drawn on canvases, in light and dark. Eight hues, darker and
// brighter ones in turn, so that neighbours stay apart for colour-blind readers too;
// from the fifth line on, dashes help.

export type ThemeName = 'light' | 'dark';

export interface Theme {
  text: string;
  muted: string;
  grid: string;
  panel: string;
  neutral: string; // of what belongs to no run
  hues: readonly string[];
  ramp: readonly string[]; // from nothing to all
}

const themes: Record<ThemeName, Theme> = {
  light: {
    text: '#1c2733',
    muted: '#556270',
    grid: '#e3e8ee',
    panel: '#ffffff',
    neutral: '#5b6570',
    hues: [
      '#00549e', '#e58a00', '#b8145a', '#1ba794',
      '#2b1f45', '#6aaee0', '#6f7400', '#d58bc4',
    ],
    ramp: ['#f2f6fb', '#c6dbef', '#6baed6', '#2171b5', '#08306b'],
  },
  dark: {
    text: '#e6ebf1',
    muted: '#9eabb9',
    grid: '#2b3541',
    panel: '#161d26',
    neutral: '#a4b0bd',
    hues: [
      '#4c9ff0', '#ffc65c', '#e8457f', '#6fe8d0',
      '#6c52d9', '#c4e4ff', '#9fae3c', '#f7b8e4',
    ],
    ramp: ['#1d2632', '#31508b', '#21918c', '#5ec962', '#fde725'],
  },
};

const listeners: (() => void)[] = [];
let printing = false;

const darkPreferred = window.matchMedia('(prefers-color-scheme: dark)');

// What the reader chose on the page, or else what the system prefers. Paper is
// always light.
export function themeName(): ThemeName {
  if (printing) return 'light';
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return darkPreferred.matches ? 'dark' : 'light';
}

export function theme(): Theme {
  return themes[themeName()];
}

// Calls `redraw` whenever colours change.
export function onThemeChange(redraw: () => void): void {
  listeners.push(redraw);
}

function notify(): void {
  for (const redraw of listeners) redraw();
}

export function chooseTheme(name: ThemeName): void {
  document.documentElement.dataset['theme'] = name;
  notify();
}

darkPreferred.addEventListener('change', notify);
for (const [event, value] of [['beforeprint', true], ['afterprint', false]] as const) {
  window.addEventListener(event, () => {
    printing = value;
    document.documentElement.classList.toggle('printing', value);
    notify();
  });
}

export function hue(index: number): string {
  const { hues } = theme();
  return hues[index % hues.length] as string;
}

// The dash of a line beside its hue: four solid ones, four with long dashes, then
// dots.
export function hueDash(index: number): number[] {
  if (index < 4) return [];
  return index < 8 ? [14, 3] : [2, 3];
}

// The ramp's colour at `fraction` in [0, 1].
export function rampColor(fraction: number): string {
  const { ramp } = theme();
  const position = Math.min(Math.max(fraction, 0), 1) * (ramp.length - 1);
  const below = Math.min(Math.floor(position), ramp.length - 2);
  const weight = position - below;
  const from = channels(ramp[below] as string);
  const to = channels(ramp[below + 1] as string);
  const mixed = from.map((value, i) =>
    Math.round(value + ((to[i] as number) - value) * weight),
  );
  return `rgb(${mixed.join(',')})`;
}

export function withAlpha(color: string, alpha: number): string {
  return `rgba(${channels(color).join(',')},${alpha})`;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((start) =>
    Number.parseInt(color.slice(start, start + 2), 16),
  );
}
