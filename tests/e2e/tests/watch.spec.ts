// What happens around the page: the machine sleeps, the screen would go dark, the person leaves.
import { Dock, MiB, expect, file, service, test } from './dock';

test.afterEach(() => service.faults());

test('after ten minutes of sleep an upload goes on at once', async ({ page }) => {
  const dock = await Dock.open(page);
  // Connections do not survive a sleep, and nobody tells: these are never answered.
  await service.faults({ operation: 'part', effect: { delay_ms: 600_000 } });
  const film = file('film.mp4', 40 * MiB);
  await dock.choose(film.path);
  await expect.poll(async () => (await parts()).length).toBeGreaterThan(1);
  await service.faults();
  await service.forget();
  // The browser's own timers stand still in sleep; only the wall clock shows it.
  await page.evaluate(() => {
    const real = Date.now;
    Date.now = () => real() + 600_000;
  });
  await expect.poll(async () => (await parts()).length, { timeout: 8000 }).toBeGreaterThan(0);
  await dock.untilStored(film);
});

const parts = async () => (await service.requests()).filter((request) => request.operation === 'part');

test('the screen stays on while something uploads in sight, and no longer', async ({ page }) => {
  await page.addInitScript(() => {
    const held = new Set<object>();
    Object.assign(window, { held });
    Object.defineProperty(navigator, 'wakeLock', {
      value: {
        request: async () => {
          const lock = { release: async () => held.delete(lock) };
          held.add(lock);
          return lock;
        },
      },
    });
  });
  const held = () => page.evaluate(() => (window as unknown as { held: Set<object> }).held.size);
  await service.faults({ operation: 'part', effect: { bytes_per_second: 5 * MiB } });
  const dock = await Dock.open(page);
  expect(await held()).toBe(0);
  const film = file('film.mp4', 26 * MiB);
  await dock.choose(film.path);
  await dock.until('film.mp4', 'uploading');
  await expect.poll(held).toBe(1);
  await dock.untilStored(film);
  await expect.poll(held).toBe(0);
});

test('leaving asks first while bytes would be lost, and only then', async ({ page }) => {
  const dock = await Dock.open(page);
  // What the browser would ask the page.
  const asks = () => page.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })));
  expect(await asks()).toBe(false);
  await service.faults({ operation: 'uploads.direct', effect: { bytes_per_second: MiB } });
  const photo = file('photo.jpg', 3 * MiB);
  await dock.choose(photo.path);
  await expect.poll(asks).toBe(true);
  await dock.untilStored(photo);
  await expect.poll(asks).toBe(false);
});
