// A panel for each task, those that go on first.

import { element } from '../charts/dom';
import { readable } from '../charts/units';
import { type Dashboard, type Task } from './data';
import { privacyOf } from './privacy';
import { roundSentence, secondsBetween, span } from './words';

const order = ['active', 'paused', 'stopped', 'completed'];

const isOver = ({ state }: Task) => state === 'stopped' || state === 'completed';

// Of privacy reports that are older than the rest; "" for those that are not.
function age({ at, privacy_at }: Dashboard): string {
  const seconds = privacy_at === undefined ? 0 : secondsBetween(privacy_at, at);
  return seconds < 10 ? '' : `As of ${span(seconds)} ago; newer ones are being computed.`;
}

function privacyPart(task: Task, data: Dashboard): HTMLElement[] {
  if (!task.is_private) return [];
  const rivals = data.status.tasks.filter(
    (other) => other.is_private && other.population === task.population && !isOver(other) &&
      other.name !== task.name);
  const report = data.privacy.find((each) => each.task === task.name);
  return [privacyOf(report, isOver(task) || rivals.length === 0, age(data))];
}

function panel(task: Task, data: Dashboard): HTMLElement {
  const { name, population, rounds } = task;
  const failed = task.rounds_failed > 0
    ? `, ${readable(task.rounds_failed, 'count')} failed` : '';
  const progress = element('progress', {
    max: String(rounds), value: String(task.rounds_committed), 'aria-label': 'Rounds',
  });
  const text = [
    ...(task.note ? [element('p', {}, task.note)] : []),
    ...(task.newest_round
      ? [element('p', {}, roundSentence(task.newest_round, data.at))] : []),
    ...(task.trouble ? [element('p', { class: 'trouble' }, task.trouble)] : []),
  ];
  return element(
    'article', { class: 'panel' },
    element(
      'div', { class: 'bar' }, element('h3', {}, name),
      element('span', { class: `state ${task.state}` }, task.state)),
    element(
      'p', { class: 'muted' },
      `population ${population} · ${readable(task.rounds_committed, 'count')} of ` +
        `${readable(rounds, 'count')} rounds${failed}`),
    progress, element('div', {}, ...text), ...privacyPart(task, data));
}

export function tasksSection(data: Dashboard): HTMLElement {
  const tasks = [...data.status.tasks].sort(
    (a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const content = tasks.length > 0
    ? [element('div', { class: 'panels' }, ...tasks.map((task) => panel(task, data)))]
    : [element('p', { class: 'hint' },
      'There is no task yet: shoalctl task create FILE makes one.')];
  return element('section', { id: 'tasks' }, element('h2', {}, 'Tasks'), ...content);
}
