// script/curves-picture, called as for docs/results/.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../script/curves-picture', import.meta.url));

// Two seeds of one run of 100 rounds, of which the second failed once.
function withRuns(use) {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-curves-'));
  try {
    for (const seed of [0, 1]) {
      mkdirSync(join(folder, `runs/a/seed-${seed}`), { recursive: true });
      const lines = ['round,test_accuracy,energy_joules,state'];
      for (let round = 1; round <= 100; ++round) {
        if (round === 2) lines.push('2,,1000,failed');
        lines.push(`${round},${round === 50 ? 0.1 : 0.5 + 0.1 * seed},10,committed`);
      }
      writeFileSync(join(folder, `runs/a/seed-${seed}/rounds.csv`), `${lines.join('\n')}\n`);
    }
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function draw(folder, changes = {}, environment = {}) {
  const spec = {
    title: 'energy & accuracy',
    x: { column: 'energy_joules', label: 'kJ', sum: true, scale: 1e-3, from: 0, to: 2 },
    y: { column: 'test_accuracy', label: 'accuracy', from: 0, to: 1 },
    rows: [{}], columns: [{ title: 'only', name: 'a' }],
    lines: [{ name: 'with a limit', runs: '{name}/seed-*' }], ...changes };
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
  const done = spawnSync(
    process.execPath, [script, join(folder, 'spec.json'), join(folder, 'runs'), join(folder, 'out.svg')],
    { encoding: 'utf8', env: { ...process.env, SHOAL_REFERENCE_DIR: '', ...environment } });
  return { ...done, svg: () => readFileSync(join(folder, 'out.svg'), 'utf8') };
}

// The corners of the only line: [[x, y], …].
function lineOf(svg) {
  const [, path] = svg.match(/<path fill="none"[^>]* d="M([^"]*)"/);
  return path.split('L').map((corner) => corner.split(' ').map(Number));
}

test('a line is the mean over seeds, and failed rounds cost, too', () => withRuns((folder) => {
  const drawn = draw(folder);
  assert.equal(drawn.status, 0, drawn.stderr);
  const svg = drawn.svg();
  assert.match(svg, /energy &#38; accuracy/);
  assert.match(svg, /opacity="\.2"/); // the band
  const line = lineOf(svg);
  assert.equal(line.length, 100);
  // The plot's left end is 0 kJ and its right end, 300 further, 2 kJ.
  const left = Number(svg.match(/<clipPath[^>]*><rect x="(\d+)"/)[1]);
  assert.equal(line[0][0], left + 1.5); // 10 J
  assert.equal(line[1][0], left + 153); // 20 J, and 1000 J of the failed round
  assert.equal(line[0][1] - line[1][1], 0); // both 0.55
  assert.ok(line[49][1] > line[48][1]); // 0.1, below
}));

test('a column may have an x of its own', () => withRuns((folder) => {
  const drawn = draw(folder, {
    columns: [{ name: 'a' }, { name: 'a', x: { column: 'round', label: 'rounds', sum: false, scale: 1, to: 200 } }] });
  assert.equal(drawn.status, 0, drawn.stderr);
  const svg = drawn.svg();
  assert.match(svg, />kJ</);
  assert.match(svg, />rounds</);
  const right = Number([...svg.matchAll(/<clipPath[^>]*><rect x="(\d+)"/g)][1][1]);
  const [, path] = [...svg.matchAll(/<path fill="none"[^>]* d="M([^"]*)"/g)][1];
  assert.equal(Number(path.split(' ')[0]), right + 1.5); // round 1 of 200
}));

test('the best so far does not fall', () => withRuns((folder) => {
  const drawn = draw(folder, {
    y: { column: 'test_accuracy', label: 'best', best: true, from: 0, to: 1, guide: 0.97 } });
  assert.equal(drawn.status, 0, drawn.stderr);
  const line = lineOf(drawn.svg());
  assert.ok(line.every(([, y]) => y === line[0][1]));
  assert.match(drawn.svg(), /class="guide"/);
}));

test('points come from the reference where it is there', () => withRuns((folder) => {
  writeFileSync(join(folder, 'points.csv'), 'who,at,value,spread\nus,1,0.5,0.1\nthem,1,0.7,0.2\n');
  const lines = [{ name: 'a', runs: 'a/seed-*', points: {
    file: 'points.csv', where: { who: 'them' }, x: 'at', y: 'value', deviation: 'spread' } }];
  const without = draw(folder, { lines, points_name: 'theirs' });
  assert.equal(without.status, 0, without.stderr);
  assert.match(without.stderr, /SHOAL_REFERENCE_DIR is not set/);
  assert.doesNotMatch(without.svg(), /circle/);
  const drawn = draw(folder, { lines, points_name: 'theirs' }, { SHOAL_REFERENCE_DIR: folder });
  assert.equal(drawn.svg().match(/<circle/g).length, 2); // one in the legend
  assert.match(drawn.svg(), /theirs/);
}));

test('runs and columns that are not there are named', () => withRuns((folder) => {
  const nobody = draw(folder, { lines: [{ name: 'b', runs: 'b/seed-*' }] });
  assert.equal(nobody.status, 1);
  assert.match(nobody.stderr, /no folder .*b\/seed-\*/);
  const nothing = draw(folder, { y: { column: 'joy', label: '' } });
  assert.equal(nothing.status, 1);
  assert.match(nothing.stderr, /no column joy/);
}));

test('with a setting a run is a point, and the best of a grid is drawn', () => withRuns((folder) => {
  const add = (name, epsilon, accuracies) => accuracies.forEach((accuracy, seed) => {
    const run = join(folder, `runs/b/${name}/seed-${seed}`);
    mkdirSync(run, { recursive: true });
    writeFileSync(join(run, 'rounds.csv'),
      `round,test_accuracy,state\n1,0.9,committed\n2,${accuracy},committed\n3,,committed\n`);
    writeFileSync(join(run, 'scenario.yaml'), `    budget: {epsilon: ${epsilon}, delta: 1e-5}\n`);
  });
  add('slow-1', 1, [0.2, 0.4]);
  add('fast-1', 1, [0.1, 0.3]);
  add('slow-4', 4, [0.5, 0.5]);
  add('fast-4', 4, [0.6, 0.8]);
  const drawn = draw(folder, {
    x: { setting: 'epsilon', label: 'epsilon', log: true, ticks: [1, 2, 4], from: 1, to: 4 },
    lines: [{ name: 'best', runs: 'b/*/seed-*' }] });
  assert.equal(drawn.status, 0, drawn.stderr);
  const svg = drawn.svg();
  const [, left, top] = svg.match(/<clipPath[^>]*><rect x="(\d+)" y="(\d+)"/).map(Number);
  const line = lineOf(svg);
  assert.deepEqual(line.map(([x]) => x - left), [0, 300]);
  assert.deepEqual(line.map(([, y]) => Math.round((y - top) / 19)), [7, 3]); // 0.3 and 0.7 of 1
  assert.equal(svg.match(/<circle [^>]*r="2.6"/g).length, 2);
  const middle = svg.match(/class="tick middle" x="([\d.]+)"[^>]*>2</);
  assert.equal(Number(middle[1]) - left, 150);
}));

test('a setting that a scenario does not have is an error', () => withRuns((folder) => {
  writeFileSync(join(folder, 'runs/a/seed-0/scenario.yaml'), 'rounds: 3\n');
  const drawn = draw(folder, { x: { setting: 'epsilon', label: 'epsilon' },
    lines: [{ name: 'none', runs: 'a/seed-0' }] });
  assert.equal(drawn.status, 1);
  assert.match(drawn.stderr, /scenario.yaml has no epsilon/);
}));
