import { Dock, MiB, expect, file, service, test } from './dock';

test('a small file goes in one request and is stored and confirmed', async ({ page }) => {
  const dock = await Dock.open(page);
  const paths: string[] = [];
  page.on('request', (request) => paths.push(new URL(request.url()).pathname));
  const photo = file('holiday.jpg', 300_000);
  await dock.choose(photo.path);
  const done = await dock.untilStored(photo);
  expect(done.confirmed).toBe(true);
  expect(paths).toContain('/base/');
  expect(paths).not.toContain('/multipart/start/');
});

test('a large file goes in parts, several at once, and is stored and confirmed', async ({ page }) => {
  const dock = await Dock.open(page);
  let flying = 0;
  let most = 0;
  page.on('request', (request) => {
    if (request.method() === 'PUT') most = Math.max(most, (flying += 1));
  });
  const landed = (request: { method(): string }) => void (request.method() === 'PUT' && (flying -= 1));
  page.on('requestfinished', landed);
  page.on('requestfailed', landed);
  const film = file('film.mp4', 40 * MiB + 17);
  await dock.choose(film.path);
  const done = await dock.untilStored(film);
  expect(done.confirmed).toBe(true);
  expect(most, 'parts at once').toBeGreaterThan(1);
});

test('several files at once all arrive', async ({ page }) => {
  const dock = await Dock.open(page);
  const files = [1, 2, 3, 4, 5, 6].map((number) => file(`file-${number}.bin`, number * 70_001));
  const large = file('large.bin', 30 * MiB);
  await dock.choose(...files.map((each) => each.path), large.path);
  for (const each of [...files, large]) await dock.untilStored(each);
  expect(await dock.rows().count()).toBe(7);
});

test('files that are dropped on the widget are uploaded', async ({ page }) => {
  const dock = await Dock.open(page);
  const note = file('dropped note.txt', 1234);
  const box = await dock.element.boundingBox();
  if (!box) throw new Error('the widget has no box');
  const devtools = await page.context().newCDPSession(page);
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await devtools.send('Input.dispatchDragEvent', {
      type,
      x: box.x + box.width / 2,
      y: box.y + box.height / 2,
      data: { items: [], files: [note.path], dragOperationsMask: 1 },
    });
  }
  await dock.untilStored(note);
});

test('a cancelled upload stops in the middle, and the others go on', async ({ page }) => {
  const dock = await Dock.open(page);
  const held = await hold(page, (request) => request.method() === 'PUT');
  const film = file('film.mp4', 60 * MiB);
  const note = file('note.txt', 2000);
  await dock.choose(film.path, note.path);
  await held.first;
  await dock.button('Cancel film.mp4').click();
  await expect(dock.row('film.mp4')).toContainText('Cancelled');
  let later = 0;
  page.on('request', (request) => void (request.url().includes('/multipart/') && (later += 1)));
  held.release();
  const kept = await dock.untilStored(note);
  expect(later, 'requests for the film after it was cancelled').toBe(0);
  const values = await page.evaluate(() => new FormData(document.querySelector('form') ?? undefined).getAll('photos').map(String));
  expect(values, 'only the other file is in the form').toHaveLength(1);
  expect((await service.rest(String(kept.uuid))).original_filename).toBe('note.txt');
});

test('a removed file leaves the list and the value', async ({ page }) => {
  const dock = await Dock.open(page);
  const [one, two] = [file('one.txt', 100), file('two.txt', 200)];
  await dock.choose(one.path, two.path);
  await dock.untilStored(one);
  const kept = await dock.untilStored(two);
  await dock.button('Remove one.txt').click();
  await expect(dock.row('one.txt')).toHaveCount(0);
  const sent = await page.evaluate(() => [...new FormData(document.querySelector('form') ?? undefined).getAll('photos')].map(String));
  expect(sent).toEqual([String(kept.receipt)]);
});

test('progress has a role, a text, and never falls', async ({ page }) => {
  const dock = await Dock.open(page);
  await page.evaluate(() => {
    const seen: number[] = [];
    Object.assign(window, { seen });
    const look = () => {
      const root = document.querySelector('up-dock')?.shadowRoot;
      const bar = root?.querySelector('[role=progressbar], progress');
      if (bar) seen.push(Number(bar.getAttribute('aria-valuenow') ?? (bar as HTMLProgressElement).value));
      requestAnimationFrame(look);
    };
    look();
  });
  const film = file('film.mp4', 50 * MiB);
  await dock.choose(film.path);
  const bar = dock.row('film.mp4').getByRole('progressbar');
  await expect(bar).toHaveAccessibleName(/film\.mp4/);
  await dock.untilStored(film);
  const seen = await page.evaluate(() => (window as unknown as { seen: number[] }).seen);
  expect(seen.length).toBeGreaterThan(2);
  expect([...seen].sort((one, two) => one - two), 'per cent, in the order seen').toEqual(seen);
});

test('progress is painted four times a second, bar and numbers at once', async ({ page }) => {
  await service.faults({ operation: 'part', effect: { bytes_per_second: 5 * MiB } });
  const dock = await Dock.open(page);
  await page.evaluate(() => {
    const painted: number[] = [];
    Object.assign(window, { painted });
    const root = document.querySelector('up-dock')?.shadowRoot as ShadowRoot;
    new MutationObserver((changes) => {
      // What has just begun or ends is painted when it happens.
      const level = Number(root.querySelector('[data-state=uploading] [aria-valuenow]')?.getAttribute('aria-valuenow'));
      const shown = changes.some(({ target }) => (target.parentElement ?? (target as Element)).closest('.row, .foot'));
      // What is written in one task and the microtasks after it is one painting.
      if (level > 0 && shown && performance.now() - (painted.at(-1) ?? 0) > 20) painted.push(performance.now());
    }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  const film = file('film.mp4', 120 * MiB);
  await dock.choose(film.path);
  await dock.untilStored(film);
  const painted = await page.evaluate(() => (window as unknown as { painted: number[] }).painted);
  const seconds = ((painted.at(-1) ?? 0) - (painted[0] ?? 0)) / 1000;
  expect(painted.length).toBeGreaterThan(4);
  expect(painted.length - 1, `paintings in ${seconds} s`).toBeLessThanOrEqual(4.5 * seconds);
});

test('events tell the page what happens, in order', async ({ page }) => {
  const dock = await Dock.open(page);
  const note = file('note.txt', 500);
  await dock.choose(note.path);
  await dock.untilStored(note);
  const events = await page.evaluate(() => (window as unknown as { updock: { events: string[] } }).updock.events);
  const order = ['file-added', 'file-upload-start', 'file-upload-success'].map((name) => events.indexOf(name));
  expect(order, events.join(', ')).not.toContain(-1);
  expect([...order].sort((one, two) => one - two)).toEqual(order);
  expect(service.url).toBeTruthy();
});

/** Keeps matching requests from leaving until `release`. `first` comes when one is held. */
async function hold(page: import('@playwright/test').Page, matches: (request: import('@playwright/test').Request) => boolean) {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  let caught = () => {};
  const first = new Promise<void>((resolve) => (caught = resolve));
  await page.route('**/*', async (route) => {
    if (matches(route.request())) {
      caught();
      await gate;
    }
    await route.fallback().catch(() => {});
  });
  return { first, release };
}
