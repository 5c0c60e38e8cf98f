// The simulator's report, from its data.

import { element } from '../charts/dom';
import { themeButton } from '../charts/theme_button';
import { type Group, groupByName, type Report } from './data';
import { fleetSection } from './fleet';
import { dataSection } from './labels';
import { lostSection } from './lost';
import { numbersSection } from './numbers';
import { progressSection } from './progress';

export function showReport(report: Report, into: HTMLElement): void {
  const groups = groupByName(report.runs);
  const sections = [
    numbersSection(groups),
    progressSection(groups),
    fleetSection(groups),
    lostSection(groups),
    dataSection(groups),
  ].filter((section): section is HTMLElement => section !== null);
  into.replaceChildren(heading(report, groups), ...sections, footer(report));
}

function heading(report: Report, groups: readonly Group[]): HTMLElement {
  const algorithms = [...new Set(report.runs.map(({ algorithm }) => algorithm))];
  const seeds = groups.length === 1
    ? ` · ${report.runs.length > 1 ? 'seeds' : 'seed'} ` +
      report.runs.map(({ seed }) => seed).join(', ')
    : '';
  return element(
    'header', {},
    element(
      'div', {}, element('h1', {}, report.title),
      element('p', {}, `${algorithms.join(', ')}${seeds}`)),
    themeButton());
}

function footer(report: Report): HTMLElement {
  return element(
    'footer', {},
    element(
      'p', { class: 'hint' },
      'Point at a plot to read values. Drag to zoom, double-click to see all again. ' +
        'A click in a legend hides a line, in all plots. By keyboard: arrow keys, ' +
        'plus, minus and Escape.'),
    ...report.notes.map((note) => element('p', {}, note)),
    element('p', {}, `Simulated by Shoal ${report.version}.`));
}
