// page_test.mjs SHOALD SHOALCTL: opens the dashboard of a real coordinator in
// headless Chromium, and of one whose answers are made up. Exits with 77 (skipped)
// where there is no Chromium. With SHOAL_SCREENSHOTS=DIR, pictures are left there.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { Browser, findChromium } from '../../support/chromium.mjs';

const [shoald, shoalctl] = process.argv.slice(2);
const chromium = findChromium();
if (chromium === null) {
  console.log('Skipped: no chromium on PATH (script/bootstrap installs it on Debian).');
  process.exit(77);
}

const privateTask = `
name: letters
population: writers
model: {logistic: {inputs: 4, outputs: 2}}
training: {epochs: 1, batch_size: 10, learning_rate: 0.1}
round: {cohort: 10, over_selection: 1, min_reports: 10, min_separation: 3, deadline: 60s}
rounds: 300
differential_privacy: {clip_norm: 1, budget: {epsilon: 8, delta: 1e-5}, central: {noise_multiplier: 2}}
`;

const folder = mkdtempSync(join(tmpdir(), 'shoal-dashboard-'));
let browser;
let coordinator;
let endpoints; // of the coordinator
let stage; // a server with the coordinator's page and answers of ours
let answer; // of the stage, to a question for data

async function until(what, condition) {
  for (let i = 0; i < 300; ++i) {
    const value = await condition();
    if (value) return value;
    await sleep(100);
  }
  throw new Error(`${what}: not within 30 seconds`);
}

function readEndpoints() {
  try {
    return JSON.parse(readFileSync(join(folder, 'data/endpoints.json'), 'utf8'));
  } catch {
    return null; // not written yet
  }
}

async function startStage() {
  const page = `http://${endpoints.http}`;
  stage = createServer(async ({ url }, response) => {
    if (url === '/dashboard.json') {
      const { status, body } = answer;
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
      return;
    }
    const real = await fetch(page + url);
    response.writeHead(real.status, {
      'Content-Type': real.headers.get('Content-Type'),
      'Content-Security-Policy': real.headers.get('Content-Security-Policy') ?? '',
    }).end(await real.text());
  });
  await new Promise((resolve) => stage.listen(0, '127.0.0.1', resolve));
}

before(async () => {
  coordinator = spawn(
    shoald,
    ['--dev', '--insecure', '--data', join(folder, 'data'), '--listen', '127.0.0.1:0',
      '--http-listen', '127.0.0.1:0'],
    { stdio: 'ignore' });
  endpoints = await until('endpoints', readEndpoints);
  await startStage();
  browser = new Browser(chromium);
  await browser.start();
});

after(async () => {
  await browser?.stop();
  stage?.closeAllConnections();
  stage?.close();
  const ended = new Promise((resolve) => coordinator.once('exit', resolve));
  coordinator.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

const text = (selector = 'body') =>
  browser.evaluate(`document.querySelector('${selector}')?.innerText ?? ''`);
const shows = (words) => until(words, async () => (await text()).includes(words));

async function keepPicture(name) {
  const pictures = process.env.SHOAL_SCREENSHOTS;
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  writeFileSync(join(pictures, `${name}.png`), await browser.screenshot());
}

test('a coordinator shows its tasks as they come, and their budgets', async () => {
  const url = `http://${endpoints.http}/`;
  await browser.open(url, { width: 1200, scheme: 'light' });
  await shows('There is no task yet');
  const file = join(folder, 'task.yaml');
  writeFileSync(file, privateTask);
  execFileSync(
    shoalctl, ['--coordinator', endpoints.grpc, '--insecure', 'task', 'create', file]);
  await shows('population writers · 0 of 300 rounds');
  await shows('Privacy budget'); // which is computed by another thread
  const privacy = await text('.privacy');
  assert.match(privacy, /Privacy budget of population writers: epsilon 8, delta 1e-5/);
  assert.match(privacy, /Spent\s+epsilon 0\s+Left\s+epsilon 8/);
  assert.match(privacy, /Will end at\s+\d+ of 300 rounds, where the budget ends/);
  assert.deepEqual(browser.complaints, []);
  const foreign = browser.requests.filter((each) => !each.startsWith(url));
  assert.deepEqual(foreign, []);
});

const round = {
  number: 401, state: 'collecting', failure: '', cohort: 50, accepted: 31,
  deadline: '2027-01-15T08:02:31Z',
};
const guarantee = 'With epsilon 4.7 and delta 1e-05 spent, all models of the population ' +
  `writers ${'together hide whether any one device contributed, and '.repeat(8)} so on.`;
const example = {
  at: '2027-01-15T08:00:00Z',
  status: {
    version: '0.1.0', started: '2027-01-12T02:00:00Z',
    devices: 48213, devices_seen_last_hour: 3120, resident_bytes: 151e6,
    uploads_in_progress: 12, bytes_received: 81e9, bytes_sent: 79e9,
    tasks: [
      {
        name: 'old-letters', population: 'writers', rounds: 200, state: 'completed',
        is_private: true, rounds_committed: 200, rounds_failed: 3, note: '', trouble: '',
      },
      {
        name: 'letters', population: 'writers', rounds: 2000, state: 'active',
        is_private: true, rounds_committed: 400, rounds_failed: 11, note: '', trouble: '', newest_round: round,
      },
      {
        name: 'lost', population: 'drivers', rounds: 100, state: 'active',
        is_private: false, rounds_committed: 0, rounds_failed: 4, note: '', newest_round: undefined,
        trouble: 'The last 4 rounds failed: too few reports (12 of at least 40).',
      },
      {
        name: 'words', population: 'writers', rounds: 100, state: 'paused',
        is_private: true, rounds_committed: 17, rounds_failed: 0, note: '', trouble: '',
      },
    ],
  },
  privacy_at: '2027-01-15T07:58:00Z',
  privacy: [
    {
      task: 'letters', population: 'writers', budget_epsilon: 8, delta: 1e-5,
      adjacency: 'add_remove', accountant: 'pld', noise: 'blt', noise_multiplier: 5.1234567,
      spent_epsilon: 4.70001, rounds: 2000, rounds_committed: 400, projected_rounds: 2000,
      projected_epsilon: 6.9999, guarantee,
      spending: [
        { task: 'old-letters', event: 'gaussian(3)', charges: 20 },
        { task: 'letters', event: 'blt(5.1, rounds 2000, separation 20)', charges: 1 },
      ],
    },
    { task: 'words', error: 'the accountant rdp does not know the event "mixed"' },
  ],
};

for (const scheme of ['light', 'dark']) {
  for (const width of [400, 1300]) {
    test(`a full page fits, ${scheme}, ${width} pixels`, async () => {
      answer = { status: 200, body: JSON.stringify(example) };
      const url = `http://127.0.0.1:${stage.address().port}/`;
      await browser.open(url, { width, scheme });
      await shows('Privacy budget of population writers');
      await browser.evaluate("document.querySelector('details').open = true");
      await browser.settle();
      await keepPicture(`dashboard-${scheme}-${width}`);
      assert.deepEqual(browser.complaints, []);
      const overflow = await browser.evaluate(
        'document.documentElement.scrollWidth - innerWidth');
      assert.equal(overflow, 0);
    });
  }
}

test('spent, left and the end are told, and what goes on comes first', async () => {
  const names = await browser.evaluate(
    "[...document.querySelectorAll('.panel h3')].map(({ innerText }) => innerText)");
  assert.deepEqual(names, ['letters', 'lost', 'words', 'old-letters']);
  const privacy = await text('.privacy');
  assert.match(privacy, /Spent\s+epsilon 4.701\s/);
  assert.match(privacy, /Left\s+epsilon 3.299\s/);
  assert.match(privacy, /Will end at\s+2,000 of 2,000 rounds, with epsilon 7, if no other task spends\s/);
  assert.match(privacy, /Noise\s+blt, multiplier 5.123\s/);
  const widths = await browser.evaluate(
    `[...document.querySelectorAll('.meter rect')].map(
      (each) => [each.getAttribute('class'), Number(each.getAttribute('x')),
        Number(each.getAttribute('width'))])`);
  const [projected, spent] = widths;
  assert.equal(spent[0], 'spent');
  assert.ok(Math.abs(spent[2] - 58.75) < 0.01, `${spent}`);
  assert.equal(projected[0], 'projected');
  assert.ok(Math.abs(projected[1] + projected[2] - 87.5) < 0.01, `${projected}`);
  const body = await text();
  assert.match(body, /Round 401 collects: 31 of 50 reports, 2.52 min to its deadline./);
  assert.match(body, /What is spent is not known: the accountant rdp does not know/);
  assert.match(body, /The last 4 rounds failed/);
  assert.match(privacy, /As of 2.00 min ago/);
  // Of old-letters there is none yet.
  assert.equal(body.match(/What is spent is being computed/g)?.length, 1);
});

test('what a person has opened and selected stays while the page goes on', async () => {
  await browser.evaluate(`document.querySelector('details').open = true;
    getSelection().selectAllChildren(document.querySelector('details p'))`);
  const next = structuredClone(example);
  next.status.tasks[1].rounds_committed = 401;
  next.privacy[0].spent_epsilon = 4.8;
  answer = { status: 200, body: JSON.stringify(next) };
  await shows('401 of 2,000 rounds');
  assert.match(await text('.privacy'), /Spent\s+epsilon 4.8\s/);
  assert.ok(await browser.evaluate("document.querySelector('details').open"));
  assert.ok((await browser.evaluate('getSelection().toString()')).startsWith('With epsilon'));
});

test('a coordinator that does not answer is told, and asked again', async () => {
  answer = { status: 503, body: 'the disk is full\n' };
  await shows('No answer from the coordinator (the disk is full)');
  assert.match(await text(), /401 of 2,000 rounds/); // what was known stays
  answer = { status: 200, body: JSON.stringify(example) };
  await shows('400 of 2,000 rounds');
  assert.equal(await text('.trouble[role=alert]'), '');
});
