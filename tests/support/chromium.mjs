// A headless Chromium of one's own, driven over a pipe in its DevTools protocol.
// Nothing but Node.js and the browser is needed.

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

// The path of a Chromium on this machine, or null.
export function findChromium() {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not there: look on.
      }
    }
  }
  return null;
}

const answerLimit = 60_000; // milliseconds: a browser that hangs is an error

export class Browser {
  #child;
  #profile = mkdtempSync(join(tmpdir(), 'shoal-chromium-'));
  #exited;
  #next = 1;
  #waiting = new Map(); // id → {resolve, reject}
  #unread = '';
  #session; // of the only tab
  complaints = []; // of the page: exceptions, errors and warnings on its console
  requests = []; // addresses that the page fetched

  constructor(path) {
    // The sandbox needs privileges that containers lack; what is opened here is
    // this project's own page.
    this.#child = spawn(
      path,
      ['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
        '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
        '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`, 'about:blank'],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#exited.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Chromium ended'));
    });
    this.#child.stdio[3].on('error', () => {}); // its end is told by 'exit'
    this.#child.stdio[4].on('data', (data) => this.#receive(data));
  }

  // Opens a tab of the given size, in pixels.
  async start() {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send(
      'Target.attachToTarget', { targetId, flatten: true });
    this.#session = sessionId;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) {
      await this.send(`${domain}.enable`);
    }
  }

  async stop() {
    this.#child.kill('SIGKILL');
    await this.#exited;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20 });
  }

  #receive(data) {
    const messages = (this.#unread + data).split('\0');
    this.#unread = messages.pop();
    for (const message of messages) this.#handle(JSON.parse(message));
  }

  #handle({ id, result, error, method, params }) {
    if (id !== undefined) {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    } else if (method === 'Runtime.exceptionThrown') {
      this.complaints.push(params.exceptionDetails.exception?.description ??
        params.exceptionDetails.text);
    } else if (method === 'Runtime.consoleAPICalled') {
      this.complaints.push(params.args.map(({ value }) => value).join(' '));
    } else if (method === 'Log.entryAdded') {
      this.complaints.push(params.entry.text);
    } else if (method === 'Network.requestWillBeSent') {
      this.requests.push(params.request.url);
    }
  }

  async send(method, params = {}) {
    const id = this.#next++;
    const message = { id, method, params, sessionId: this.#session };
    let timer;
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      timer = setTimeout(
        () => reject(new Error(`${method}: no answer in ${answerLimit} ms`)), answerLimit);
    });
    this.#child.stdio[3].write(`${JSON.stringify(message)}\0`);
    return answer.finally(() => clearTimeout(timer));
  }

  // Opens a page in a window of `width` pixels, in 'light' or 'dark'.
  async open(url, { width, height = 900, scheme }) {
    this.complaints = [];
    this.requests = [];
    await this.send('Emulation.setDeviceMetricsOverride',
      { width, height, deviceScaleFactor: 1, mobile: false });
    await this.send('Emulation.setEmulatedMedia',
      { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await this.send('Page.navigate', { url: 'about:blank' });
    await this.send('Page.navigate', { url });
    await this.evaluate(`new Promise((resolve) =>
      document.readyState === 'complete' ? resolve() : addEventListener('load', resolve))`);
    await this.settle();
  }

  // Waits until the page has laid itself out and drawn twice.
  async settle() {
    await this.evaluate(`new Promise((resolve) =>
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))))`);
  }

  // The value of an expression (or of the promise that it is) in the page.
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send(
      'Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  async mouse(type, x, y, more = {}) {
    await this.send('Input.dispatchMouseEvent', { type, x, y, ...more });
  }

  async press(key) {
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
    await this.settle();
  }

  // The whole page as PNG bytes.
  async screenshot() {
    const { data } = await this.send(
      'Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
    return Buffer.from(data, 'base64');
  }
}
