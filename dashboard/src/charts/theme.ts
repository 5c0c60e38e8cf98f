// Colours of what is drawn on canvases, in light and dark. Eight hues that stay
// apart for colour-blind readers too; the lines of a ninth run and further ones
// are dotted as well.

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
      '#0068ad', '#c44e00', '#00795a', '#a9437c',
      '#8a6d00', '#3f9bd4', '#333b45', '#7a52b8',
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
      '#58b4f0', '#f59542', '#35c795', '#e58cbf',
      '#e6d44c', '#a9d7fb', '#d4d9df', '#b99cf0',
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

// The dash of a line beside its hue: solid until the hues repeat.
export function hueDash(index: number): number[] {
  return index < theme().hues.length ? [] : [2, 3];
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
