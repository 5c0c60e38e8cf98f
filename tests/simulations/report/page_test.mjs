// page_test.mjs WRITE_EXAMPLE_REPORT: opens made-up reports in headless Chromium
// and uses them as a person would, in light and dark. Exits with 77 (skipped)
// where there is no Chromium. With SHOAL_SCREENSHOTS=DIR, pictures are left there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { Browser, findChromium } from '../../support/chromium.mjs';

const [writeExampleReport] = process.argv.slice(2);
const chromium = findChromium();
if (chromium === null) {
  console.log('Skipped: no chromium on PATH (script/bootstrap installs it on Debian).');
  process.exit(77);
}

const folder = mkdtempSync(join(tmpdir(), 'shoal-report-'));
let browser;

before(async () => {
  for (const kind of ['comparison', 'run', 'smallest']) {
    execFileSync(writeExampleReport, [kind, join(folder, `${kind}.html`)]);
  }
  browser = new Browser(chromium);
  await browser.start();
});

after(async () => {
  await browser?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function open(kind, scheme, width = 1400) {
  const url = pathToFileURL(join(folder, `${kind}.html`)).href;
  await browser.open(url, { width, scheme });
  return url;
}

// What the canvases below the elements that a selector names show.
function pictures(selector = 'body') {
  return browser.evaluate(`[...document.querySelectorAll(
    '${selector} canvas:not(.key)')].map((canvas) => canvas.toDataURL())`);
}

// How many different colours each canvas has.
function colours() {
  return browser.evaluate(`[...document.querySelectorAll('canvas')].map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  })`);
}

async function click(selector) {
  await browser.evaluate(`document.querySelector('${selector}').click()`);
  await browser.settle();
}

const text = (selector) =>
  browser.evaluate(`document.querySelector('${selector}').innerText`);

// Where uPlot's first plotting area lies in the window.
const plotArea = () => browser.evaluate(
  `(({ x, y, width, height }) => ({ x, y, width, height }))(
    document.querySelector('.u-over').getBoundingClientRect())`);

// Every canvas shows something else than before.
function allDiffer(before, now) {
  assert.equal(before.length, now.length);
  before.forEach((picture, i) => assert.notEqual(picture, now[i], `canvas ${i}`));
}

for (const scheme of ['light', 'dark']) {
  for (const kind of ['comparison', 'run', 'smallest']) {
    for (const width of [400, 1400]) {
      test(`${kind} is drawn without a complaint, ${scheme}, ${width} pixels`, async () => {
        const url = await open(kind, scheme, width);
        assert.deepEqual(browser.complaints, []);
        assert.deepEqual(browser.requests.filter((each) => each !== url), []);
        const counts = await colours();
        // Accuracy, loss, epsilon, two of devices, the data and their key, and
        // lost devices for each of the algorithms.
        assert.equal(counts.length, { comparison: 10, run: 8, smallest: 1 }[kind]);
        for (const count of counts) assert.ok(count > 4, `${count} colours`);
        const overflow = await browser.evaluate(
          'document.documentElement.scrollWidth - innerWidth');
        assert.equal(overflow, 0);
        if (process.env.SHOAL_SCREENSHOTS) {
          mkdirSync(process.env.SHOAL_SCREENSHOTS, { recursive: true });
          writeFileSync(
            join(process.env.SHOAL_SCREENSHOTS, `${kind}-${scheme}-${width}.png`),
            await browser.screenshot());
        }
      });
    }
  }

  test(`the switch of the x axis changes what is drawn, ${scheme}`, async () => {
    await open('comparison', scheme);
    const seen = [await pictures('#progress')];
    for (const axis of ['virtual time', 'bytes', 'energy']) {
      await click(`input[value="${axis}"]`);
      const now = await pictures('#progress');
      for (const earlier of seen) allDiffer(earlier, now);
      seen.push(now);
    }
    await click('input[value="rounds"]');
    assert.deepEqual(await pictures('#progress'), seen[0]);
    assert.deepEqual(browser.complaints, []);
  });

  test(`a legend hides a run in all plots and shows it again, ${scheme}`, async () => {
    await open('comparison', scheme);
    const [progress, fleet, data] = await Promise.all(
      ['#progress', '#fleet', '#data'].map(pictures));
    await click('#progress .legend button');
    assert.equal(
      await browser.evaluate(`[...document.querySelectorAll(
        'button[value="run:FedAvg"]')].every(
          (each) => each.getAttribute('aria-pressed') === 'false')`), true);
    allDiffer(progress, await pictures('#progress'));
    allDiffer(fleet, await pictures('#fleet'));
    assert.deepEqual(await pictures('#data'), data);
    await click('#progress .legend button');
    assert.deepEqual(await pictures('#progress'), progress);
    assert.deepEqual(browser.complaints, []);
  });

  test(`a legend takes a reason out of the stack, ${scheme}`, async () => {
    await open('run', scheme);
    const before = await pictures('#lost');
    await click('#lost button[value="lost:too late"]');
    allDiffer(before, await pictures('#lost'));
  });

  test(`the button changes the colours of page and plots, ${scheme}`, async () => {
    await open('run', scheme);
    const background = () =>
      browser.evaluate('getComputedStyle(document.body).backgroundColor');
    const [plots, page] = [await pictures(), await background()];
    await click('.theme');
    allDiffer(plots, await pictures());
    assert.notEqual(await background(), page);
    await click('.theme');
    assert.deepEqual(await pictures(), plots);
    assert.equal(await background(), page);
  });
}

test('plots whose lines are all hidden are empty, and draw again', async () => {
  await open('run', 'light');
  const before = await pictures();
  const clickAll = () => browser.evaluate(`new Set([...document.querySelectorAll(
    '.legend button')].map(({ value }) => value)).forEach((value) =>
      document.querySelector(\`.legend button[value="\${value}"]\`).click())`);
  await clickAll();
  await browser.settle();
  const { x, y, width, height } = await plotArea();
  await browser.mouse('mouseMoved', x + width / 2, y + height / 2);
  await clickAll();
  await browser.settle();
  assert.deepEqual(await pictures(), before);
  assert.deepEqual(browser.complaints, []);
});

test('pointing at a plot says the values there', async () => {
  await open('run', 'light');
  const { x, y, width, height } = await plotArea();
  await browser.mouse('mouseMoved', x + width / 2, y + height / 2);
  await browser.settle();
  const said = await text('.tooltip');
  assert.match(said, /^round 1\d\d\n/);
  assert.match(said, /FedAvg\s+8\d\.\d %/);
  assert.match(said, /devices alone, in the mean\s+48\.6 %/);
  await browser.mouse('mouseMoved', 1, 1);
  await browser.settle();
  assert.equal(await browser.evaluate(`document.querySelector('.tooltip').hidden`), true);
});

test('dragging zooms, a double click shows all again', async () => {
  await open('run', 'light');
  const { x, y, width, height } = await plotArea();
  const whole = await pictures('#progress figure:first-child');
  const middle = y + height / 2;
  const left = { button: 'left', buttons: 1, clickCount: 1 };
  await browser.mouse('mouseMoved', x + width * 0.2, middle);
  await browser.mouse('mousePressed', x + width * 0.2, middle, left);
  await browser.mouse('mouseMoved', x + width * 0.5, middle, left);
  await browser.mouse('mouseReleased', x + width * 0.5, middle, left);
  await browser.settle();
  assert.equal(await browser.evaluate(`document.querySelector('.reset').hidden`), false);
  const zoomed = await pictures('#progress figure:first-child');
  allDiffer(whole, zoomed);
  // Colours change inside of the zoom.
  await click('.theme');
  await click('.theme');
  assert.deepEqual(await pictures('#progress figure:first-child'), zoomed);
  for (const clickCount of [1, 2]) {
    await browser.mouse('mousePressed', x + 9, middle, { ...left, clickCount });
    await browser.mouse('mouseReleased', x + 9, middle, { ...left, clickCount });
  }
  await browser.settle();
  assert.deepEqual(await pictures('#progress figure:first-child'), whole);
  assert.equal(await browser.evaluate(`document.querySelector('.reset').hidden`), true);
});

test('arrow keys read values, plus zooms, Escape resets', async () => {
  await open('run', 'light');
  const whole = await pictures('#progress figure:first-child');
  await browser.evaluate(`document.querySelector('.area').focus()`);
  await browser.press('ArrowRight');
  assert.match(await text('.tooltip'), /^round 1\n/);
  await browser.press('ArrowRight');
  assert.match(await text('.tooltip'), /^round 2\n/);
  await browser.press('+');
  allDiffer(whole, await pictures('#progress figure:first-child'));
  await browser.press('Escape');
  assert.deepEqual(await pictures('#progress figure:first-child'), whole);
  await browser.evaluate(`document.querySelector('#data canvas[tabindex]').focus()`);
  await browser.press('ArrowRight');
  assert.match(await text('#data .tooltip'), /^device 0\n\s*class 0/);
  assert.deepEqual(browser.complaints, []);
});

test('a comparison has a table with means and spreads', async () => {
  await open('comparison', 'light');
  const rows = (await text('table')).split('\n');
  assert.equal(rows.length, 4);
  assert.match(rows[1], /FedAvg\s+1, 2, 3\s+8\d\.\d ± 0\.\d+ %/);
});

test('paper is light whatever the screen is', async () => {
  const printed = {};
  for (const scheme of ['light', 'dark']) {
    await open('comparison', scheme);
    const screen = await pictures();
    await browser.send('Emulation.setEmulatedMedia',
      { media: 'print', features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await browser.evaluate(`dispatchEvent(new Event('beforeprint'))`);
    await browser.settle();
    printed[scheme] = [
      await browser.evaluate('getComputedStyle(document.body).backgroundColor'),
      ...await pictures(),
    ];
    await browser.send('Emulation.setEmulatedMedia',
      { media: '', features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await browser.evaluate(`dispatchEvent(new Event('afterprint'))`);
    await browser.settle();
    assert.deepEqual(await pictures(), screen);
  }
  assert.equal(printed.dark[0], 'rgb(255, 255, 255)');
  assert.deepEqual(printed.dark, printed.light);
});
