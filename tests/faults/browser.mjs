// Uploads in Chromium, many at a time, as `cargo xtask faults` orders them: one JSON document a line comes in on
// standard input, and one goes out on standard output when an upload has begun and when it has ended. It judges nothing.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';

// Playwright is installed for the browser tests, next door; the official widget for the conformance tests.
const here = import.meta.dirname;
const { chromium } = createRequire(path.join(here, '../e2e/package.json'))('@playwright/test');
const conformance = path.join(here, '../conformance/npm');

const flags = (process.env.UPDOCK_CHROMIUM_FLAGS ?? '').split(' ').filter((flag) => flag && flag !== '--headless');
const browser = await chromium.launch({ executablePath: process.env.UPDOCK_CHROMIUM, args: flags });
const pages = new Map();
/** Uploads that are to lose their page: how. */
const losses = new Map();
const tell = (told) => console.log(JSON.stringify(told));

/** `<up-dock>` on the test page. */
async function dock(page, { page: base, attributes, sleeps, again }) {
  // Only where it is needed: a page whose clock is replaced is not quite the page that people have.
  if (sleeps) await page.clock.install();
  await page.goto(`${base}/e2e/?${new URLSearchParams({ attributes: JSON.stringify(attributes) })}`);
  const button = page.locator('up-dock').getByRole('button', { name: /choose|browse|add/i }).first();
  await button.waitFor();
  return {
    choose: () => button.click(),
    look: () => page.evaluate((again) => {
      const [row] = document.querySelector('up-dock').files ?? [];
      if (row?.state === 'done') return { told: 'done', uuid: row.uuid };
      // Right after it was chosen again, the file is still being compared.
      if (['failed', 'rejected', again ? '' : 'needs-file'].includes(row?.state)) {
        const { message, detail } = row.error ?? {};
        return { told: 'failed', why: [message ?? row.state, detail].filter(Boolean).join(' ') };
      }
    }, again),
  };
}

/** Uploadcare's own widget, as its documentation has it. */
async function peer(page, { local }) {
  await page.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
  const options = { pubkey: 'demopublickey', 'base-url': local, 'cdn-cname': local, 'quality-insights': 'false' };
  await page.goto(`${await peerPages()}?${new URLSearchParams(options)}`);
  await page.waitForFunction(() => window.context?.getAPI?.());
  await page.getByRole('button', { name: 'Upload files' }).first().click();
  const button = page.getByRole('button', { name: 'From device' });
  await button.waitFor();
  return {
    choose: () => button.click(),
    look: () => page.evaluate(() => {
      const told = window.events.find(({ name }) => /^file-upload-(success|failed)$/.test(name));
      if (told?.name === 'file-upload-success') return { told: 'done', uuid: told.detail.uuid };
      if (told) return { told: 'failed', why: told.detail.errors?.[0]?.message ?? 'no reason told' };
    }),
  };
}

let served;
/** Its page, from a server of its own: it does not work under our demo's security policy. */
function peerPages() {
  served ??= new Promise((resolve) => {
    const name = '@uploadcare/file-uploader';
    const entry = createRequire(path.join(conformance, 'package.json')).resolve(name);
    const widget = path.join(entry.slice(0, entry.indexOf(name) + name.length), 'web/uc-file-uploader-regular.min.js');
    const files = {
      '/': [path.join(conformance, 'pages/widget.html'), 'text/html'],
      '/uploader.js': [widget, 'text/javascript'],
    };
    const server = http.createServer((request, response) => {
      const file = files[new URL(request.url, 'http://x').pathname];
      if (!file) return response.writeHead(404).end();
      return response.writeHead(200, { 'content-type': file[1] }).end(readFileSync(file[0]));
    });
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}/`));
  });
  return served;
}

async function upload(order, open) {
  const { id, file } = order;
  const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  let page = await context.newPage();
  pages.set(id, page);
  const choose = async () => {
    const { choose, look } = await open(page, order);
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), choose()]);
    await chooser.setFiles([file]);
    return look;
  };
  let look = await choose();
  const start = performance.now();
  tell({ told: 'begun', id });
  while (pages.has(id)) {
    const how = losses.get(id);
    if (losses.delete(id)) {
      if (how === 'kill') {
        const lost = page;
        const devtools = await context.newCDPSession(lost);
        const gone = lost.waitForEvent('crash');
        devtools.send('Page.crash').catch(() => {});
        await gone;
        page = await context.newPage();
        pages.set(id, page);
      }
      order.again = true;
      look = await choose();
    }
    const end = await look();
    if (end) return tell({ ...end, id, seconds: (performance.now() - start) / 1000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function close(id) {
  const page = pages.get(id);
  pages.delete(id);
  await page?.context().close();
}

const orders = {
  'up-dock': (order) => upload(order, dock),
  'file-uploader': (order) => upload(order, peer),
  sleep: ({ id, seconds }) => pages.get(id)?.clock.fastForward(seconds * 1000),
  reload: ({ id }) => losses.set(id, 'reload'),
  kill: ({ id }) => losses.set(id, 'kill'),
  close: ({ id }) => close(id),
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  Promise.resolve(orders[order.order](order)).catch((error) => {
    // What ends with its page is no trouble.
    if (pages.has(order.id)) tell({ told: 'trouble', id: order.id, why: String(error?.message ?? error) });
  });
}
await browser.close();
