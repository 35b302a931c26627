// Sends one file through the widget and through a bare page, in turns, in one Chromium, and reports
// seconds and bytes as JSON. Started by `cargo xtask bench`, which holds the budgets.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

// Playwright is installed for the browser tests, next door.
const require = createRequire(path.join(import.meta.dirname, '../e2e/package.json'));
const { chromium } = require('@playwright/test');

const [file] = process.argv.slice(2);
const rounds = Number(process.env.UPDOCK_ROUNDS ?? 3);
const flags = (process.env.UPDOCK_CHROMIUM_FLAGS ?? '').split(' ').filter((flag) => flag && flag !== '--headless');
const browser = await chromium.launch({ executablePath: process.env.UPDOCK_CHROMIUM, args: flags });
const base = process.env.UPDOCK_PAGE;

try {
  const report = { widget: [], bare: [], parallel: 0, partSize: 0, ready: 0, wasmGrowth: 0, heapGrowth: 0, longestTaskMs: 0, longestTaskBareMs: 0, longestTaskCpuMs: 0 };
  await widget(report, true); // the first run only warms up and looks at the requests
  await bare(report);
  Object.assign(report, { widget: [], bare: [], longestTaskBareMs: 0 });
  for (let round = 0; round < rounds; round += 1) {
    await widget(report, false);
    await bare(report);
  }
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
}

async function widget(report, look) {
  const page = await browser.newPage();
  await page.addInitScript(watch);
  const opened = performance.now();
  await page.goto(`${base}/e2e/`);
  const dock = page.locator('up-dock');
  const button = dock.getByRole('button', { name: /choose|browse|add/i }).first();
  await button.waitFor();
  const ready = performance.now() - opened;
  await page.waitForTimeout(300);

  if (look) await lookAtRequests(page, report);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('HeapProfiler.enable');
  const heapBefore = await heap(devtools);
  const wasmBefore = await page.evaluate(() => window.bench.wasmBytes());

  // The first run is traced, for tracing costs time. The trace can be opened in the browser's performance panel.
  const trace = process.env.UPDOCK_TRACE;
  const categories = ['toplevel', 'devtools.timeline', 'v8', 'disabled-by-default-v8.cpu_profiler'];
  if (look) await browser.startTracing(page, { path: trace, categories });
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button.click()]);
  await page.evaluate(() => window.bench.begin());
  await chooser.setFiles([file]);
  const end = await page.evaluate(() => window.bench.done(document.querySelector('up-dock')));
  if (look) {
    await browser.stopTracing();
    report.longestTaskCpuMs = longestTaskCpu(trace);
  }
  const { seconds, longest, wasmPeak } = end;
  const heapAfter = await heap(devtools);

  report.widget.push(seconds);
  if (!look) {
    report.ready = report.ready ? Math.min(report.ready, ready) : ready;
    report.longestTaskMs = Math.max(report.longestTaskMs, longest);
    report.wasmGrowth = Math.max(report.wasmGrowth, wasmPeak - wasmBefore);
    report.heapGrowth = Math.max(report.heapGrowth, heapAfter - heapBefore);
  }
  await page.close();
}

async function bare(report) {
  const page = await browser.newPage();
  await page.addInitScript(watch);
  await page.goto(`${base}/bench/bare.html`);
  await page.waitForFunction(() => window.upload);
  await page.evaluate(() => window.bench.begin());
  await page.setInputFiles('#file', file);
  const seconds = await page.evaluate(([parallel, size]) => window.upload(parallel, size), [report.parallel, report.partSize]);
  report.bare.push(seconds);
  report.longestTaskBareMs = Math.max(report.longestTaskBareMs, await page.evaluate(() => window.bench.longest()));
  await page.close();
}

/**
 * The longest task of the page's main thread by the processor's time it took. The wall clock also counts the time in
 * which other processes had the processor: browser, network, server.
 */
function longestTaskCpu(file) {
  const events = JSON.parse(readFileSync(file, 'utf8')).traceEvents;
  const named = events.filter((event) => event.name === 'thread_name' && event.args.name === 'CrRendererMain');
  const main = new Set(named.map(({ pid, tid }) => `${pid}/${tid}`));
  const tasks = events.filter(({ ph, name, pid, tid }) =>
    ph === 'X' && name.endsWith('RunTask') && main.has(`${pid}/${tid}`));
  if (tasks.length === 0) throw new Error('the trace holds no task of the main thread');
  return Math.max(...tasks.map((task) => task.tdur ?? 0)) / 1000;
}

/** How the widget slices and how many parts it has under way, so that the bare page does the same. */
async function lookAtRequests(page, report) {
  let flying = 0;
  page.on('request', async (request) => {
    if (request.method() !== 'PUT') return;
    flying += 1;
    report.parallel = Math.max(report.parallel, flying);
    const length = Number((await request.allHeaders().catch(() => ({})))['content-length'] ?? 0);
    report.partSize = Math.max(report.partSize, length);
  });
  const landed = (request) => { if (request.method() === 'PUT') flying -= 1; };
  page.on('requestfinished', landed);
  page.on('requestfailed', landed);
}

async function heap(devtools) {
  await devtools.send('HeapProfiler.collectGarbage');
  await devtools.send('Performance.enable');
  const { metrics } = await devtools.send('Performance.getMetrics');
  return metrics.find((metric) => metric.name === 'JSHeapUsedSize').value;
}

/** Runs in the page before anything else: long tasks, wasm memory, and the time of one upload. */
function watch() {
  const memories = [];
  for (const name of ['instantiate', 'instantiateStreaming']) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...args) => {
      const result = await original.apply(WebAssembly, args);
      const { exports } = result.instance ?? result;
      if (exports?.memory) memories.push(exports.memory);
      return result;
    };
  }
  let longest = 0;
  let started = 0;
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) {
      if (started && task.startTime >= started) longest = Math.max(longest, task.duration);
    }
  }).observe({ type: 'longtask' });
  const wasmBytes = () => memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  window.bench = {
    wasmBytes,
    begin() { started = performance.now(); },
    longest: () => longest,
    async done(dock) {
      let wasmPeak = 0;
      for (;;) {
        wasmPeak = Math.max(wasmPeak, wasmBytes());
        const [row] = dock.files ?? [];
        if (row?.state === 'failed') throw new Error('the widget failed');
        if (row?.state === 'done') break;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      const seconds = (performance.now() - started) / 1000;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { seconds, longest, wasmPeak };
    },
  };
}
