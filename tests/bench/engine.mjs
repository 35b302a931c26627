// Sends the same files through the widget and through Uploadcare's bare client, in turns, in one Chromium, and reports
// seconds, requests and the main thread's time as JSON. Started by `cargo xtask bench engine`, which holds the limits.
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.join(import.meta.dirname, '../e2e/package.json'));
const { chromium } = require('@playwright/test');

// [{ name, files, rounds, base, signer }]
const runs = JSON.parse(process.env.UPDOCK_RUNS);
const flags = (process.env.UPDOCK_CHROMIUM_FLAGS ?? '').split(' ').filter((flag) => flag && flag !== '--headless');
const browser = await chromium.launch({ executablePath: process.env.UPDOCK_CHROMIUM, args: flags });
const base = process.env.UPDOCK_PAGE;

try {
  const report = {};
  for (const run of runs) {
    const measured = (report[run.name] = { widget: [], client: [] });
    // The first of each only warms up; the order alternates, so that neither always comes after the other.
    if (run.warm) for (const one of [widget, client]) await one(run);
    for (let round = 0; round < run.rounds; round += 1) {
      const order = [['widget', widget], ['client', client]];
      if (round % 2) order.reverse();
      for (const [name, one] of order) measured[name].push(await one(run));
    }
  }
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
}

async function widget({ files, base: service, signer }) {
  const attributes = { 'upload-base-url': service, 'signer-url': signer };
  return measure(`${base}/e2e/?${new URLSearchParams({ attributes: JSON.stringify(attributes) })}`, async (page) => {
    const button = page.locator('up-dock').getByRole('button', { name: /choose|browse|add/i }).first();
    await button.waitFor();
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button.click()]);
    await page.evaluate(watch, files.length);
    return { choose: () => chooser.setFiles(files), end: () => page.evaluate(() => window.ended) };
  });
}

async function client({ files, base: service }) {
  return measure(`${base}/bench/client.html`, async (page) => {
    await page.waitForFunction(() => window.upload);
    return { choose: () => page.setInputFiles('#file', files), end: () => page.evaluate((service) => window.upload(service), service) };
  });
}

/** Opens a page and measures from the choice of the files to the end. */
async function measure(url, open) {
  const page = await browser.newPage();
  await page.goto(url);
  const { choose, end } = await open(page);
  // Whatever the page does of itself after loading is over.
  await page.waitForTimeout(500);
  let requests = 0;
  page.on('request', (request) => { if (request.url().startsWith('http')) requests += 1; });
  const devtools = await page.context().newCDPSession(page);
  // Processor time: the wall clock also counts what other processes had.
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await busy(devtools);
  await choose();
  const seconds = await end();
  const mainThread = (await busy(devtools)) - before;
  await page.close();
  return { seconds, requests, mainThread };
}

async function busy(devtools) {
  const { metrics } = await devtools.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration').value;
}

/** Runs in the page: the time from the first file's row to the last file's end. */
function watch(count) {
  const dock = document.querySelector('up-dock');
  let start;
  dock.addEventListener('file-added', () => { start ??= performance.now(); });
  window.ended = new Promise((resolve, reject) => {
    let done = 0;
    dock.addEventListener('file-upload-success', () => {
      done += 1;
      if (done === count) resolve((performance.now() - start) / 1000);
    });
    dock.addEventListener('file-upload-failed', (event) => reject(new Error(`the widget failed: ${JSON.stringify(event.detail)}`)));
  });
}
