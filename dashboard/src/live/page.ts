// The dashboard of a coordinator: what it is at, asked again and again.

import { element } from '../charts/dom';
import { themeButton } from '../charts/theme_button';
import { readable } from '../charts/units';
import { type Dashboard, type Status } from './data';
import { renew } from './renew';
import { tasksSection } from './tasks';
import { secondsBetween, span } from './words';

const period = 2_000; // milliseconds between an answer and the next question
const patience = 30_000; // for an answer

function tiles(status: Status): HTMLElement {
  const figures: [string, string][] = [
    ['Devices', readable(status.devices, 'count')],
    ['Seen in the last hour', readable(status.devices_seen_last_hour, 'count')],
    ['Uploads in progress', readable(status.uploads_in_progress, 'count')],
    ['Received', readable(status.bytes_received, 'bytes')],
    ['Sent', readable(status.bytes_sent, 'bytes')],
    ['Memory', readable(status.resident_bytes, 'bytes')],
  ];
  return element(
    'section', { id: 'numbers' },
    element('dl', { class: 'tiles' }, ...figures.map(([name, value]) => element(
      'div', {}, element('dt', {}, name), element('dd', {}, value)))));
}

async function ask(): Promise<Dashboard> {
  const answer = await fetch(
    'dashboard.json', { cache: 'no-store', signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  return await answer.json() as Dashboard;
}

export function showDashboard(into: HTMLElement): void {
  const about = element('p', {}, 'Asking the coordinator …');
  const trouble = element('p', { class: 'trouble', role: 'alert' });
  const content = element('main');
  into.replaceChildren(
    element(
      'header', {},
      element('div', {}, element('h1', {}, 'Shoal coordinator'), about),
      themeButton()),
    trouble, content);
  let isShown = false;

  const update = async (): Promise<void> => {
    try {
      const data = await ask();
      const { status, at } = data;
      about.textContent = `shoald ${status.version} · up for ` +
        span(secondsBetween(status.started, at));
      trouble.textContent = '';
      renew(content, element('main', {}, tiles(status), tasksSection(data)));
      isShown = true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      trouble.textContent = `No answer from the coordinator (${why}). ` +
        (isShown ? 'What is below is older; it is asked again.' : 'It is asked again.');
    }
  };
  const go = async (): Promise<void> => {
    // A page that nobody looks at asks nothing.
    if (!document.hidden) await update();
    setTimeout(() => void go(), period);
  };
  void go();
}
