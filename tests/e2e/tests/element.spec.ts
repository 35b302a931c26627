import type { Page } from '@playwright/test';
import { Dock, MiB, expect, file, service, test } from './dock';

test.afterEach(() => service.faults());

test('moving the element in the page does not stop an upload', async ({ page }) => {
  const dock = await Dock.open(page);
  const film = file('film.mp4', 40 * MiB);
  const started = page.waitForRequest((request) => request.method() === 'PUT');
  await dock.choose(film.path);
  await started;
  await page.evaluate(() => document.getElementById('elsewhere')?.append(document.querySelector('up-dock') as Element));
  await dock.untilStored(film);
  expect(await dock.rows().count()).toBe(1);
});

test('taken out and put back, the element has its list and its value, and uploads go on', async ({ page }) => {
  const dock = await Dock.open(page);
  const [note, film, late] = [file('note.txt', 100), file('film.mp4', 40 * MiB), file('late.txt', 200)];
  await dock.choose(note.path);
  const done = await dock.untilStored(note);
  const started = page.waitForRequest((request) => request.method() === 'PUT');
  await dock.choose(film.path);
  await started;
  await page.evaluate(async () => {
    const element = document.querySelector('up-dock') as Element;
    const place = element.parentElement as Element;
    element.remove();
    await new Promise((resolve) => setTimeout(resolve, 200));
    place.append(element);
  });
  await expect(dock.rows()).toHaveCount(2);
  await dock.untilStored(film);
  await expect.poll(() => sent(page)).toContainEqual(String(done.receipt));
  await dock.choose(late.path);
  await dock.untilStored(late);
});

test('an element that stays out of the page pauses, and goes on where it was when put back', async ({ page }) => {
  await page.clock.install();
  const dock = await Dock.open(page);
  await service.faults({ operation: 'part', effect: { bytes_per_second: 2 * MiB } });
  const [film, other] = [file('film.mp4', 40 * MiB), file('paused by hand.mp4', 30 * MiB)];
  await dock.choose(film.path, other.path);
  await dock.button('Pause paused by hand.mp4').click();
  await dock.until('film.mp4', 'uploading');
  const element = await dock.element.elementHandle();
  const states = () => page.evaluate((dock) => (dock as unknown as { files: { state: string }[] }).files.map(({ state }) => state), element);
  await page.evaluate((dock) => dock?.remove(), element);
  await page.clock.runFor(5000);
  expect(await states()).toEqual(['uploading', 'paused']);
  await page.clock.runFor(6000);
  await expect.poll(states).toEqual(['paused', 'paused']);
  await service.faults();
  await page.evaluate((dock) => document.getElementById('place')?.append(dock as Element), element);
  await dock.untilStored(film);
  expect((await dock.file(other.name))?.state, 'what a person paused stays paused').toBe('paused');
});

test('an element that the page has forgotten is collected, and its uploads end', async ({ page }) => {
  const dock = await Dock.open(page);
  await service.faults({ operation: 'part', effect: { bytes_per_second: MiB } });
  await dock.choose(file('film.mp4', 40 * MiB).path);
  await dock.until('film.mp4', 'uploading');
  await page.clock.install();
  await page.evaluate(() => {
    const element = document.querySelector('up-dock') as Element;
    Object.assign(window, { kept: new WeakRef(element) });
    element.remove();
  });
  const under = async () => {
    await page.requestGC();
    return page.evaluate(() => [(window as unknown as { kept: WeakRef<Element> }).kept.deref() === undefined]);
  };
  await expect.poll(under, { timeout: 30_000 }).toEqual([true]);
  await expect.poll(() => page.evaluate(async () => (await navigator.locks.query()).held?.length), { timeout: 20_000 }).toBe(0);
});

test('several widgets on one page keep their files apart', async ({ page }) => {
  await Dock.open(page, { count: 2 });
  const [left, right] = [new Dock(page, 0), new Dock(page, 1)];
  const [one, two] = [file('one.txt', 100), file('two.txt', 200)];
  await left.choose(one.path);
  await right.choose(two.path);
  await left.untilStored(one);
  await right.untilStored(two);
  expect((await left.files()).map((each) => each.name)).toEqual(['one.txt']);
  expect((await right.files()).map((each) => each.name)).toEqual(['two.txt']);
});

test('the widget is part of the form: its value is sent, and reset empties it', async ({ page }) => {
  const dock = await Dock.open(page);
  const values = () => page.evaluate(() => new FormData(document.querySelector('form') ?? undefined).getAll('photos').map(String).filter(Boolean));
  expect(await values()).toEqual([]);
  const note = file('note.txt', 100);
  await dock.choose(note.path);
  const done = await dock.untilStored(note);
  expect(await values()).toEqual([String(done.receipt)]);
  await page.evaluate(() => document.querySelector('form')?.reset());
  await expect.poll(values).toEqual([]);
});

test('before the widget is there, the native input inside is part of the form; then the widget takes over', async ({ page }) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/updock/updock_wasm_bg.wasm', async (route) => {
    await held;
    await route.continue();
  });
  const dock = await Dock.open(page, { attributes: { required: '' } });
  const note = file('note.txt', 100);
  await chooseNatively(page, note.path);
  expect(await sent(page)).toEqual([note.name]);
  expect(await page.locator('#form').evaluate((form) => (form as HTMLFormElement).checkValidity()), 'may be sent').toBe(true);
  release();
  const done = await dock.untilStored(note);
  await expect.poll(() => sent(page)).toEqual([String(done.receipt)]);
});

test('where the widget cannot be loaded, the native input inside shows and works', async ({ page }) => {
  await page.route('**/updock/widget.js', (route) => route.abort());
  await Dock.open(page);
  const note = file('note.txt', 100);
  await chooseNatively(page, note.path);
  await page.locator('up-dock').dispatchEvent('pointerenter');
  await expect(page.locator('up-dock > input')).toBeVisible();
  expect(await sent(page)).toEqual([note.name]);
});

test('taken out of the page, the widget gives the native input inside its name back', async ({ page }) => {
  const dock = await Dock.open(page);
  await page.locator('up-dock').evaluate((element) => {
    element.append(Object.assign(document.createElement('input'), { type: 'file', name: 'photos', multiple: true }));
  });
  const name = () => dock.element.evaluate((element) => element.querySelector('input')?.getAttribute('name') ?? null);
  await dock.element.hover();
  await expect.poll(name, 'the widget stands for it').toBe(null);
  const after = await page.evaluate(async () => {
    const element = document.querySelector('up-dock');
    element?.remove();
    await new Promise((resolve) => setTimeout(resolve));
    const name = element?.querySelector('input')?.getAttribute('name');
    document.getElementById('place')?.append(element ?? '');
    return name;
  });
  expect(after).toBe('photos');
  await dock.element.hover();
  await expect.poll(name, 'and back again').toBe(null);
});

test('files that wait for a command keep the form from being sent, and it says why', async ({ page }) => {
  const dock = await Dock.open(page, { attributes: { confirm: 'true' } });
  const note = file('note.txt', 100);
  await dock.choose(note.path);
  await dock.until('note.txt', 'ready');
  const message = () => dock.element.evaluate((element) => (element as unknown as { validationMessage: string }).validationMessage);
  await expect.poll(message).toBe('Some files have not been uploaded yet.');
  await dock.button('Upload 1 file').click();
  await dock.untilStored(note);
  await expect.poll(message).toBe('');
});

test('files that come before there is a public key go as soon as there is one', async ({ page }) => {
  const dock = await Dock.open(page, { attributes: { 'public-key': null } });
  await dock.element.evaluate((element) => {
    (element as unknown as { addFiles(files: File[]): void }).addFiles([new File(['early'], 'early.txt', { type: 'text/plain' })]);
  });
  await expect(dock.element).toContainText('no public key');
  expect(await dock.files()).toEqual([]);
  const key = await page.evaluate(() => (window as unknown as { updock: { config: { publicKey: string } } }).updock.config.publicKey);
  await dock.element.evaluate((element, key) => element.setAttribute('public-key', key), key);
  await dock.until('early.txt', 'done');
});

/** Puts a native input into the widget, as a page has it in its markup, and chooses by it. */
async function chooseNatively(page: Page, path: string): Promise<void> {
  await page.locator('up-dock').evaluate((dock) => {
    dock.append(Object.assign(document.createElement('input'), { type: 'file', name: 'photos', multiple: true }));
  });
  await page.locator('up-dock > input').setInputFiles(path);
}

/** What the form would send: names of files, and values. */
const sent = (page: Page): Promise<string[]> =>
  page.evaluate(() => new FormData(document.querySelector('form') ?? undefined).getAll('photos').map((each) => (each instanceof File ? each.name : each)));
