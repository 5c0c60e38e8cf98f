// How a task stands with its population's privacy budget.

import { element } from '../charts/dom';
import { readable } from '../charts/units';
import { type NoPrivacy, type Privacy } from './data';
import { lowerBound, projectedEnd } from './words';

const space = 'http://www.w3.org/2000/svg';

function bar(name: string, from: number, to: number): SVGElement {
  const rectangle = document.createElementNS(space, 'rect');
  rectangle.setAttribute('class', name);
  rectangle.setAttribute('x', String(from * 100));
  rectangle.setAttribute('width', String(Math.max(to - from, 0) * 100));
  rectangle.setAttribute('height', '10');
  return rectangle;
}

// The budget from left to right: spent, going to be spent, free.
function meter(privacy: Privacy): SVGElement {
  const share = (epsilon: number) => Math.min(epsilon / privacy.budget_epsilon, 1);
  const spent = share(privacy.spent_epsilon);
  const end = Math.max(share(privacy.projected_epsilon), spent);
  const picture = document.createElementNS(space, 'svg');
  picture.setAttribute('class', 'meter');
  picture.setAttribute('viewBox', '0 0 100 10');
  picture.setAttribute('preserveAspectRatio', 'none');
  picture.setAttribute('role', 'img');
  picture.setAttribute(
    'aria-label',
    `${readable(spent, 'share')} of the privacy budget is spent, ` +
      `${readable(end, 'share')} will be at the task's end`);
  picture.append(bar('projected', spent, end), bar('spent', 0, spent));
  return picture;
}

function field(name: string, value: string): HTMLElement {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value));
}

function spending(privacy: Privacy): HTMLElement[] {
  if (privacy.spending.length === 0) return [];
  const rows = privacy.spending.map(({ task, event, charges }) => element(
    'tr', {}, element('th', { scope: 'row' }, task),
    element('td', {}, readable(charges, 'count')), element('td', {}, event)));
  const head = element(
    'tr', {}, ...['Task', 'Charges', 'Each'].map(
      (name) => element('th', { scope: 'col' }, name)));
  return [element(
    'div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Charges' },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)))];
}

// `asOf`: when that was true, if it is some time ago.
export function privacyOf(
  privacy: Privacy | NoPrivacy | undefined, isAlone: boolean, asOf: string,
): HTMLElement {
  if (privacy === undefined) {
    return element(
      'div', { class: 'privacy' }, element('h4', {}, 'Privacy'),
      element('p', { class: 'muted' }, 'What is spent is being computed.'));
  }
  if ('error' in privacy) {
    return element(
      'div', { class: 'privacy' }, element('h4', {}, 'Privacy'),
      element('p', { class: 'trouble' }, `What is spent is not known: ${privacy.error}`));
  }
  const left = privacy.budget_epsilon - privacy.spent_epsilon;
  return element(
    'div', { class: 'privacy' },
    element('h4', {}, `Privacy budget of population ${privacy.population}: epsilon `,
      `${privacy.budget_epsilon}, delta ${privacy.delta.toExponential()}`),
    meter(privacy),
    element('p', { class: 'muted' }, asOf),
    element(
      'dl', { class: 'fields' },
      field('Spent', `epsilon ${readable(privacy.spent_epsilon, 'bound')}`),
      field('Left', `epsilon ${lowerBound(left)}`),
      field('Will end at', projectedEnd(privacy, isAlone)),
      field('Noise', `${privacy.noise}, multiplier ${lowerBound(privacy.noise_multiplier)}`)),
    element(
      'details', {},
      element('summary', {}, 'What is promised, and what was charged'),
      element('p', {}, privacy.guarantee), ...spending(privacy)));
}
