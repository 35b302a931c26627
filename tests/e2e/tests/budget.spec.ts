// One budget of requests for a whole origin, as the stand-in sees it.
import { Dock, MiB, expect, file, service, test } from './dock';

const BUDGET = 8;

test.beforeEach(async () => {
  await service.forget();
  // A line on which a part takes about a second.
  await service.faults({ operation: 'part', effect: { bytes_per_second: 5 * MiB } });
});
test.afterEach(() => service.faults());

const most = async () => Math.max(...(await service.requests()).map((request) => request.at_once));

/** Until all are there; the budget held all the time. Asked before the files are fetched, which are requests, too. */
async function withinBudget(...sent: [Dock, ReturnType<typeof file>][]): Promise<void> {
  for (const [dock, film] of sent) await dock.until(film.name, ['done', 'failed'], 120_000);
  expect(await most()).toBeGreaterThan(BUDGET / 2);
  expect(await most()).toBeLessThanOrEqual(BUDGET);
  for (const [dock, film] of sent) await dock.untilStored(film);
}
const parts = async () => (await service.requests()).filter((request) => request.operation === 'part').length;

test('alone, a widget has the whole budget, and no more', async ({ page }) => {
  const dock = await Dock.open(page);
  const films = [file('one.mp4', 40 * MiB), file('two.mp4', 40 * MiB)];
  await dock.choose(...films.map((film) => film.path));
  await withinBudget(...films.map((film): [Dock, typeof film] => [dock, film]));
});

test('two widgets of a page share one budget, and both move', async ({ page }) => {
  await Dock.open(page, { count: 2 });
  await share(new Dock(page, 0), new Dock(page, 1));
});

test('two tabs share one budget, and both move', async ({ page, context }) => {
  await share(await Dock.open(page), await Dock.open(await context.newPage()));
});

async function share(first: Dock, second: Dock): Promise<void> {
  const [one, two] = [file('one.mp4', 80 * MiB), file('two.mp4', 40 * MiB)];
  await first.choose(one.path);
  await expect.poll(parts).toBeGreaterThan(2);
  await second.choose(two.path);
  await expect.poll(async () => (await second.row('two.mp4').getByRole('progressbar').getAttribute('aria-valuenow')) ?? '0').not.toBe('0');
  expect((await first.file('one.mp4'))?.state, 'the first one is not over yet').toBe('uploading');
  await withinBudget([first, one], [second, two]);
}

test('the share of a tab that is killed goes to the others', async ({ page, context }) => {
  test.setTimeout(180_000);
  // Slow enough that all of it is under way still when the other tab is gone, however long that takes here.
  await service.faults({ operation: 'part', effect: { bytes_per_second: MiB } });
  const left = await Dock.open(page);
  const other = await context.newPage();
  const right = await Dock.open(other);
  await right.choose(file('lost.mp4', 200 * MiB).path, file('lost too.mp4', 200 * MiB).path);
  await expect.poll(parts).toBeGreaterThan(4);
  const films = [file('one.mp4', 200 * MiB), file('two.mp4', 200 * MiB)];
  await left.choose(...films.map((film) => film.path));
  await left.until('one.mp4', 'uploading');
  const devtools = await other.context().newCDPSession(other);
  void devtools.send('Page.crash').catch(() => {});
  await other.waitForEvent('crash');
  // The stand-in only notices later that the other one's requests are dead, so the locks are asked.
  // Slots of this page only: it also holds a lock for each upload, and the dead one's may still be there.
  const held = () =>
    page.evaluate(() =>
      navigator.locks.request('who am I', async () => {
        const { held = [] } = await navigator.locks.query();
        const own = held.find(({ name }) => name === 'who am I')?.clientId;
        return held.filter(({ name, clientId }) => clientId === own && name?.startsWith('updock:slot:')).length;
      }),
    );
  await expect.poll(held, { timeout: 30_000 }).toBe(BUDGET);
  await service.faults();
  for (const film of films) await left.untilStored(film, 90_000);
});

test('where more widgets than the budget has requests, each gets its turn', async ({ page }) => {
  test.setTimeout(180_000);
  await page.setViewportSize({ width: 900, height: 2400 });
  await Dock.open(page, { count: 8 });
  const docks = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => new Dock(page, index));
  const films = docks.map((_, index) => file(`film-${index}.mp4`, 26 * MiB));
  for (const [index, dock] of docks.entries()) await dock.choose(films[index].path);
  await withinBudget(...docks.map((dock, index): [Dock, (typeof films)[0]] => [dock, films[index]]));
});

test('a browser without locks uploads as ever', async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
  const dock = await Dock.open(page);
  const film = file('film.mp4', 40 * MiB);
  await dock.choose(film.path);
  await dock.untilStored(film);
});

test('a page that may not have locks uploads as ever', async ({ page }) => {
  await page.addInitScript(() => {
    LockManager.prototype.request = () => Promise.reject(new DOMException('not here', 'SecurityError'));
    LockManager.prototype.query = () => Promise.reject(new DOMException('not here', 'SecurityError'));
  });
  const dock = await Dock.open(page);
  const film = file('film.mp4', 40 * MiB);
  await dock.choose(film.path);
  await dock.untilStored(film);
});

test('nothing is held once the work is done', async ({ page }) => {
  const dock = await Dock.open(page);
  const note = file('note.txt', 1000);
  await dock.choose(note.path);
  await dock.untilStored(note);
  await expect.poll(() => page.evaluate(async () => {
    const { held, pending } = await navigator.locks.query();
    return [...(held ?? []), ...(pending ?? [])].length;
  })).toBe(0);
});
