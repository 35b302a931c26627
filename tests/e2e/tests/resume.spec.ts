// An upload that was interrupted goes on where it was: after a reload, after the tab or the browser was killed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { Dock, MiB, after, bytes, expect, file, once, service, storedParts, test } from './dock';

test.beforeEach(() => service.forget());
test.afterEach(() => service.faults());

/** Until so many parts are there, and what is written about them is in the journal. */
async function reached(page: Page, parts: number): Promise<void> {
  await expect.poll(async () => (await storedParts()).length, { timeout: 60_000 }).toBe(parts);
  await expect.poll(() => records(page)).toBe(parts + 1);
}

/** What is in the journal. */
const records = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open('updock');
        opening.onerror = reject;
        opening.onsuccess = () => {
          const database = opening.result;
          if (!database.objectStoreNames.contains('log')) return resolve(0);
          const counting = database.transaction('log').objectStore('log').count();
          counting.onsuccess = () => {
            database.close();
            resolve(counting.result);
          };
        };
      }),
  );

test('after a reload at 40 % of 200 MB, one choice goes on, and no finished part is sent twice', async ({ page }) => {
  test.setTimeout(180_000);
  await after(14);
  const dock = await Dock.open(page);
  const film = file('film.mp4', 200 * MiB);
  await dock.choose(film.path);
  await reached(page, 14);
  const there = Math.floor((100 * bytes(await storedParts())) / film.size);
  expect(there).toBeGreaterThan(30);
  expect(there).toBeLessThan(50);
  await page.reload();
  await dock.until('film.mp4', 'needs-file');
  await expect(dock.row('film.mp4')).toContainText(/\d of 209 MB sent\. Choose the file again\./);
  await expect(dock.row('film.mp4').getByRole('progressbar')).toHaveAttribute('aria-valuenow', String(there));
  await service.faults();
  await chooseFor(page, dock.button('Choose again film.mp4'), film.path);
  await dock.untilStored(film, 90_000);
  await once(film.size);
  await expect.poll(() => records(page), 'nothing is left in the journal').toBe(0);
});

test('after a reload, a file whose handle was kept goes on by one click', async ({ page }) => {
  test.setTimeout(180_000);
  await after(14);
  const dock = await Dock.open(page);
  // The browser's own place for a page's files gives real handles, without a dialog that nobody could answer.
  await dock.element.evaluate(async (element) => {
    const folder = await navigator.storage.getDirectory();
    const handle = await folder.getFileHandle('film.mp4', { create: true });
    const out = await handle.createWritable();
    const block = new Uint8Array(1 << 20);
    for (let at = 0; at < 200; at += 1) {
      block.fill(at);
      await out.write(block);
    }
    await out.close();
    await (element as unknown as { addFiles(files: unknown[]): Promise<void> }).addFiles([handle]);
  });
  await reached(page, 14);
  await page.reload();
  await dock.until('film.mp4', 'needs-file');
  await service.faults();
  await dock.button('Continue film.mp4').click();
  await dock.until('film.mp4', 'done', 90_000);
  await once(200 * MiB);
});

test('after a reload, all interrupted uploads go on by one choice of all their files', async ({ page }) => {
  test.setTimeout(180_000);
  await after(6);
  const dock = await Dock.open(page);
  const films = [file('one.mp4', 80 * MiB), file('two.mp4', 90 * MiB)];
  await dock.choose(...films.map((film) => film.path));
  await expect.poll(async () => (await storedParts()).length, { timeout: 60_000 }).toBe(6);
  await expect.poll(() => records(page)).toBe(8);
  await page.reload();
  for (const film of films) await dock.until(film.name, 'needs-file');
  await expect(dock.element).toContainText('2 uploads from before can go on where they stopped.');
  await service.faults();
  await chooseFor(page, dock.button(/^Choose again$/), ...films.map((film) => film.path));
  for (const film of films) await dock.untilStored(film, 90_000);
  expect(await dock.rows().count()).toBe(2);
  await once(...films.map((film) => film.size));
});

test('another file is refused, and says in what it differs; the right one goes on', async ({ page }) => {
  test.setTimeout(120_000);
  await after(3);
  const dock = await Dock.open(page);
  const film = file('film.mp4', 40 * MiB);
  await dock.choose(film.path);
  await reached(page, 3);
  await page.reload();
  await dock.until('film.mp4', 'needs-file');
  await service.faults();
  for (const [other, says] of [
    [file('film.mp4', 41 * MiB), 'That was another file; choose the one from before.'],
    [file('other.mp4', 40 * MiB), 'That was a file with another name; choose the one from before.'],
    [file('film.mp4', 40 * MiB), 'That file has changed since.'],
  ] as const) {
    await chooseFor(page, dock.button('Choose again film.mp4'), other.path);
    await expect(dock.row('film.mp4')).toContainText(says);
    await expect(dock.element.getByRole('alert')).toContainText(says);
  }
  await chooseFor(page, dock.button('Choose again film.mp4'), film.path);
  await dock.untilStored(film);
});

test('what is discarded is gone for good', async ({ page }) => {
  await after(3);
  const dock = await Dock.open(page);
  await dock.choose(file('film.mp4', 40 * MiB).path);
  await reached(page, 3);
  await page.reload();
  await dock.until('film.mp4', 'needs-file');
  await dock.button(/^Discard$/).click();
  await expect(dock.rows()).toHaveCount(0);
  await expect.poll(() => records(page)).toBe(0);
  await page.reload();
  await dock.choose(file('note.txt', 100).path);
  await dock.until('note.txt', 'done');
  await expect(dock.rows()).toHaveCount(1);
});

test('two tabs do not take up the same upload; the other one can when the first is gone', async ({ page, context }) => {
  await after(3);
  const dock = await Dock.open(page);
  await dock.choose(file('film.mp4', 40 * MiB).path);
  await reached(page, 3);
  const other = await Dock.open(await context.newPage());
  await other.element.hover();
  await other.choose(file('note.txt', 100).path);
  await other.until('note.txt', 'done');
  await expect(other.rows(), 'the film is still the first tab\'s').toHaveCount(1);
  await page.close();
  await other.until('film.mp4', 'needs-file');
});

test('leaving does not ask once the upload is written down', async ({ page }) => {
  const dock = await Dock.open(page);
  const asks = () => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })));
  await after(3);
  await dock.choose(file('film.mp4', 40 * MiB).path);
  await reached(page, 3);
  await expect.poll(asks).toBe(false);
  await dock.until('film.mp4', 'uploading');
});

for (const [name, init] of Object.entries({
  'IndexedDB is missing': () => Object.defineProperty(window, 'indexedDB', { value: undefined }),
  'IndexedDB refuses': () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('not here', 'SecurityError');
    };
  },
  'the disk is full': () => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  },
})) {
  test(`without a journal it uploads as ever: ${name}`, async ({ page }) => {
    await page.addInitScript(init);
    const dock = await Dock.open(page);
    const film = file('film.mp4', 40 * MiB);
    await dock.choose(film.path);
    await dock.untilStored(film);
  });
}

test('with `resume="off"` nothing is written down', async ({ page }) => {
  await after(3);
  const dock = await Dock.open(page, { attributes: { resume: 'off' } });
  await dock.choose(file('film.mp4', 40 * MiB).path);
  await expect.poll(async () => (await storedParts()).length).toBe(3);
  await dock.until('film.mp4', 'uploading');
  expect(await records(page)).toBe(0);
});

test('what is too old is swept', async ({ page }) => {
  await after(3);
  const dock = await Dock.open(page);
  await dock.choose(file('film.mp4', 40 * MiB).path);
  await reached(page, 3);
  await page.addInitScript(() => {
    const real = Date.now;
    Date.now = () => real() + 25 * 3_600_000;
  });
  await page.reload();
  await dock.element.hover();
  await expect.poll(() => records(page)).toBe(0);
  await expect(dock.rows()).toHaveCount(0);
});

for (const what of ['tab', 'browser'] as const) {
  test(`after the ${what} was killed in the middle, the upload goes on`, async () => {
    test.setTimeout(180_000);
    const profile = mkdtempSync(path.join(tmpdir(), 'updock-e2e-'));
    const film = file('film.mp4', 200 * MiB);
    let browser = await launch(profile);
    try {
      await after(14);
      let page = await browser.page();
      let dock = await Dock.open(page);
      await chooseByDevtools(page, dock.chooseButton(), film.path);
      await reached(page, 14);
      if (what === 'tab') {
        const devtools = await page.context().newCDPSession(page);
        void devtools.send('Page.crash').catch(() => {});
        await page.waitForEvent('crash');
      } else {
        await browser.kill();
        browser = await launch(profile);
      }
      await service.faults();
      page = await browser.page();
      dock = await Dock.open(page);
      await dock.until('film.mp4', 'needs-file');
      await chooseByDevtools(page, dock.button('Choose again film.mp4'), film.path);
      await dock.untilStored(film, 90_000);
      await once(film.size);
    } finally {
      await browser.kill();
      // A helper that is still ending may write once more, after the folder was read and before it is removed.
      await expect(() => rmSync(profile, { recursive: true, force: true })).toPass({ timeout: 20_000 });
    }
  });
}

async function chooseFor(page: Page, button: ReturnType<Dock['button']>, ...paths: string[]): Promise<void> {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button.click()]);
  await chooser.setFiles(paths);
}

/** The same in a browser that Playwright has not started itself: it would send the file's bytes over. */
async function chooseByDevtools(page: Page, button: ReturnType<Dock['button']>, file: string): Promise<void> {
  await Promise.all([page.waitForEvent('filechooser'), button.click()]);
  const devtools = await page.context().newCDPSession(page);
  const expression = "document.querySelector('up-dock').shadowRoot.querySelector('input[type=file]')";
  const { result } = await devtools.send('Runtime.evaluate', { expression });
  await devtools.send('DOM.setFileInputFiles', { files: [file], objectId: result.objectId });
}

/** A browser of our own with a profile on disk, whose process we know. */
async function launch(profile: string) {
  const flags = (process.env.UPDOCK_CHROMIUM_FLAGS ?? '').split(' ').filter((flag) => flag && flag !== '--headless');
  const child = spawn(
    process.env.UPDOCK_CHROMIUM ?? 'chromium',
    [...flags, '--headless', `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += String(data);
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    void ended.then(() => reject(new Error(`the browser ended: ${said}`)));
  });
  /** With its helpers: each is a process of the group that the browser leads. */
  const kill = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
  };
  process.once('exit', kill);
  const connected = await chromium.connectOverCDP(address);
  return {
    page: () => connected.contexts()[0].newPage(),
    async kill() {
      kill();
      await ended;
      process.off('exit', kill);
    },
  };
}
