// The widget in Firefox and in WebKit: other engines, other rules for storage, locks, files and styles.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test as base } from '@playwright/test';
import { MiB, after, expect, file, isStored, once, pageUrl, service, storedParts, type Snapshot } from './dock';
import { files, firefox, ready, webkit, type Elsewhere } from './elsewhere';

const { UPDOCK_FIREFOX, UPDOCK_WEBKIT_DRIVER, UPDOCK_XVFB } = process.env;
const browsers: [string, (() => Promise<Elsewhere>) | undefined][] = [
  ['Firefox', UPDOCK_FIREFOX ? () => firefox(UPDOCK_FIREFOX) : undefined],
  ['WebKit', UPDOCK_WEBKIT_DRIVER && UPDOCK_XVFB ? () => webkit(UPDOCK_WEBKIT_DRIVER, UPDOCK_XVFB) : undefined],
];

for (const [name, start] of browsers) {
  const test = base.extend<{ page: Elsewhere }>({
    page: async ({}, use) => {
      const page = await (start as () => Promise<Elsewhere>)();
      try {
        await page.open(pageUrl());
        await expect.poll(() => ready(page), `the widget in ${name}`).toBe(true);
        await use(page);
        expect(await page.ask('window.updock.violations'), 'violations of the security policy').toEqual([]);
      } finally {
        await page.close();
      }
    },
  });

  test.describe(name, () => {
    test.skip(!start, `${name} is not on this machine`);
    test.setTimeout(120_000);
    test.beforeEach(() => service.forget());
    test.afterEach(() => service.faults());

    test('small files and a large one arrive as they were sent', async ({ page }) => {
      const sent = [file('film.mp4', 40 * MiB), ...Array.from({ length: 30 }, (_, at) => file(`note-${at}.txt`, 2000 + at))];
      await page.choose(...sent.map((each) => each.path));
      await expect.poll(() => states(page), { timeout: 60_000 }).toEqual({ done: sent.length });
      for (const row of await files(page)) {
        const original = sent.find((each) => each.name === row.name);
        expect(row).toMatchObject({ confirmed: true, receipt: expect.any(String) });
        await isStored(row, original as (typeof sent)[number]);
      }
      const requests = (await service.requests()).filter(({ operation }) => operation === 'uploads.direct');
      expect(requests.length, 'small files travel together').toBeLessThanOrEqual(8);
      await keep(page, name);
    });

    test('a part that fails is sent again, and the others are not', async ({ page }) => {
      await service.faults({ operation: 'part', skip: 2, count: 1, effect: { status: 503 } });
      const film = file('film.mp4', 40 * MiB);
      await page.choose(film.path);
      await isStored(await until(page, film.name, 'done'), film);
      await once(film.size);
    });

    test('after a reload, the same file chosen again goes on, and no finished part is sent twice', async ({ page }) => {
      await after(4);
      const film = file('film.mp4', 60 * MiB);
      await page.choose(film.path);
      await expect.poll(async () => (await storedParts()).length, { timeout: 30_000 }).toBe(4);
      // What is written about a part comes after it.
      await expect.poll(() => page.ask<number>(`document.querySelector('up-dock').files[0].sent`)).toBeGreaterThanOrEqual(20 * MiB);
      await page.reload();
      await until(page, film.name, 'needs-file');
      await service.faults();
      await page.choose(film.path);
      await isStored(await until(page, film.name, 'done'), film);
      await once(film.size);
    });
  });
}

async function states(page: Elsewhere): Promise<Record<string, number>> {
  const count: Record<string, number> = {};
  for (const { state } of await files(page)) count[state] = (count[state] ?? 0) + 1;
  return count;
}

async function until(page: Elsewhere, name: string, state: string): Promise<Snapshot> {
  const row = async () => (await files(page)).find((each) => each.name === name);
  await expect.poll(async () => (await row())?.state, { message: `state of ${name}`, timeout: 60_000 }).toBe(state);
  return (await row()) as Snapshot;
}

async function keep(page: Elsewhere, name: string): Promise<void> {
  const folder = path.join(import.meta.dirname, '../results/screenshots');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name.toLowerCase()}.png`), await page.picture());
}
