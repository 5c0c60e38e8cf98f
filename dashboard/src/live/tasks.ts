// A panel for each task, those that go on first.

import { element } from '../charts/dom';
import { readable } from '../charts/units';
import { type Dashboard, type Task } from './data';
import { privacyOf } from './privacy';
import { roundSentence } from './words';

const order = ['active', 'paused', 'stopped', 'completed'];

function panel(task: Task, { at, privacy }: Dashboard): HTMLElement {
  const { name, population, rounds } = task.task;
  const failed = task.rounds_failed > 0
    ? `, ${readable(task.rounds_failed, 'count')} failed` : '';
  const progress = element('progress', {
    max: String(rounds), value: String(task.rounds_committed), 'aria-label': 'Rounds',
  });
  const text = [
    ...(task.note ? [element('p', {}, task.note)] : []),
    ...(task.newest_round ? [element('p', {}, roundSentence(task.newest_round, at))] : []),
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
    progress, element('div', {}, ...text),
    ...privacy.filter((each) => each.task === name).map(privacyOf));
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
