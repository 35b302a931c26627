// Pictures for looking at, in results/screenshots/; `demo.png` is the one of the README.
import path from 'node:path';
import { Dock, MiB, expect, file, picture, test } from './dock';

const folder = path.join(import.meta.dirname, '../results/screenshots');

const looks = {
  light: { colorScheme: 'light' as const },
  dark: { colorScheme: 'dark' as const },
  narrow: { colorScheme: 'light' as const, viewport: { width: 320, height: 720 } },
  rtl: { colorScheme: 'light' as const, dir: 'rtl' },
  'forced-colours': { colorScheme: 'dark' as const, forcedColors: 'active' as const },
};

for (const [name, look] of Object.entries(looks)) {
  test(`looks: ${name}`, async ({ page }) => {
    const { dir, viewport, ...media } = { dir: 'ltr', viewport: undefined, ...look } as {
      dir: string; viewport?: { width: number; height: number }; colorScheme: 'light' | 'dark'; forcedColors?: 'active';
    };
    await page.emulateMedia({ ...media, reducedMotion: 'reduce' });
    if (viewport) await page.setViewportSize(viewport);
    const dock = await Dock.open(page, { dir });
    await page.screenshot({ path: path.join(folder, `${name}-empty.png`) });

    // One done, one failed, one half way.
    let parts = 0;
    await page.route('**/*', async (route) => {
      const request = route.request();
      if (request.method() === 'PUT' && (parts += 1) > 4) return; // never answered
      await route.fallback();
    });
    const photo = picture('harbour at dawn.png');
    const film = file('a film with quite a long name, cut in the middle.mp4', 60 * MiB);
    const empty = file('empty.txt', 0);
    await dock.choose(photo.path, film.path, empty.path);
    await dock.until('harbour at dawn.png', 'done');
    await expect.poll(() => parts).toBeGreaterThan(4);
    await painted(dock, photo.name, film.name);
    await page.screenshot({ path: path.join(folder, `${name}-busy.png`), fullPage: true });

    // What is left of it after a reload.
    await page.reload();
    await dock.element.hover();
    await dock.until(film.name, 'needs-file');
    await page.mouse.move(0, 0);
    await page.screenshot({ path: path.join(folder, `${name}-again.png`), fullPage: true });

    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow, 'pixels that stick out sideways').toBeLessThanOrEqual(0);
  });
}

test('looks: the demo page', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto('/');
  const dock = new Dock(page);
  await expect(dock.chooseButton()).toBeVisible();
  let parts = 0;
  await page.route('**/*', async (route) => {
    if (route.request().method() === 'PUT' && (parts += 1) > 5) return;
    await route.fallback();
  });
  const [one, two] = [picture('harbour at dawn.png'), picture('ropes.png')];
  await dock.choose(one.path, two.path, file('crossing.mp4', 70 * MiB).path);
  await dock.until('harbour at dawn.png', 'done');
  await dock.until('ropes.png', 'done');
  await expect.poll(() => parts).toBeGreaterThan(5);
  await painted(dock, two.name, 'crossing.mp4');
  await page.screenshot({ path: path.join(folder, 'demo.png') });
});

/** Everything that the picture is to show is there: the thumbnail, and how far the film is. */
async function painted(dock: Dock, photo: string, film: string): Promise<void> {
  await expect(dock.row(photo).locator('canvas')).toBeVisible();
  await expect(dock.row(film).getByRole('progressbar')).toHaveAttribute('aria-valuenow', /^[1-9]/);
  await expect(dock.row(film)).toContainText(/[1-9][\d.]* of \d+/);
}
