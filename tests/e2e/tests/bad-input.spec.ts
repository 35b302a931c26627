import { rmSync, writeFileSync } from 'node:fs';
import { Dock, expect, file, test } from './dock';

test('an empty file fails with a reason, and the other file goes on', async ({ page }) => {
  const dock = await Dock.open(page);
  const [empty, note] = [file('empty.txt', 0), file('note.txt', 300)];
  await dock.choose(empty.path, note.path);
  await dock.untilStored(note);
  const snapshot = await dock.file('empty.txt');
  // Refused before it became a row, or a row that says why: either is clear.
  if (snapshot) expect(['failed', 'rejected']).toContain(snapshot.state);
  await expect(dock.element).toContainText(/empty/i);
});

const names = {
  quotes: `"the" o'hara.txt`,
  newline: 'two\nlines.txt',
  long: `${'n'.repeat(296)}.txt`,
  emoji: '🛳️ harbour 👩‍👩‍👧.txt',
  'right-to-left': 'تقرير نهائي.txt',
};
for (const [what, name] of Object.entries(names)) {
  test(`a name with ${what} is shown as text and arrives`, async ({ page }) => {
    const dock = await Dock.open(page);
    await drop(dock, [{ name, size: 120 }]);
    await expect.poll(async () => (await dock.files()).map((each) => each.state), { timeout: 30_000 }).toEqual(['done']);
    const [done] = await dock.files();
    expect(done.name).toBe(name);
    await expect(dock.rows()).toHaveCount(1);
    const box = await dock.rows().first().boundingBox();
    expect(box?.width ?? 0, 'the row stays inside the page').toBeLessThanOrEqual(900);
  });
}

test('a name with markup is text', async ({ page }) => {
  const dock = await Dock.open(page);
  await drop(dock, [{ name: '<img src=x onerror=alert(1)>.txt', size: 10 }]);
  await expect(dock.row('<img src=x')).toBeVisible();
});

test('choosing nothing changes nothing', async ({ page }) => {
  const dock = await Dock.open(page);
  await drop(dock, []);
  expect(await dock.files()).toEqual([]);
  await expect(dock.chooseButton()).toBeEnabled();
});

test('10 001 files at once leave the page usable', async ({ page }) => {
  test.setTimeout(180_000);
  const dock = await Dock.open(page);
  await page.route('**/v1/upload-credentials', async () => {}); // nothing leaves: the list is what is tested
  const took = await drop(dock, Array.from({ length: 10_001 }, (_, index) => ({ name: `f${index}.txt`, size: 3 })));
  await expect.poll(async () => (await dock.files()).length, { timeout: 60_000 }).toBeGreaterThan(0);
  const pause = await page.evaluate(
    () => new Promise<number>((resolve) => {
      const start = performance.now();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
    }),
  );
  expect(pause, 'milliseconds until the page draws again').toBeLessThan(3000);
  expect(took, 'milliseconds to take the files').toBeLessThan(20_000);
  await expect(dock.chooseButton()).toBeEnabled();
});

for (const [what, act] of Object.entries({
  vanishes: (path: string) => rmSync(path),
  changes: (path: string) => writeFileSync(path, 'another text altogether'),
})) {
  test(`a file that ${what} between choosing and sending fails clearly, and the other goes on`, async ({ page }) => {
    test.setTimeout(120_000);
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/v1/upload-credentials', async (route) => {
      await gate;
      await route.fallback();
    });
    const dock = await Dock.open(page);
    const [lost, note] = [file('lost.txt', 5000), file('note.txt', 600)];
    await dock.choose(lost.path, note.path);
    await expect(dock.row('lost.txt')).toBeVisible();
    act(lost.path);
    release();
    await dock.untilStored(note);
    await dock.until('lost.txt', ['failed', 'needs-file'], 60_000);
    await expect(dock.row('lost.txt')).toContainText(/choose|read|changed|moved|arrived/i);
  });
}

/** Drops files that never were on a disk: names that file systems do not take are fine. */
async function drop(dock: Dock, files: { name: string; size: number }[]): Promise<number> {
  return dock.element.evaluate((element, wanted) => {
    const transfer = new DataTransfer();
    for (const each of wanted) {
      transfer.items.add(new File(['x'.repeat(each.size)], each.name, { type: 'text/plain' }));
    }
    const zone = element.shadowRoot?.querySelector('[part~=drop-area], [part~=drop], [part~=dropzone]') ?? element;
    const start = performance.now();
    for (const type of ['dragenter', 'dragover', 'drop']) {
      zone.dispatchEvent(new DragEvent(type, { bubbles: true, composed: true, cancelable: true, dataTransfer: transfer }));
    }
    return performance.now() - start;
  }, files);
}

test('a refused file is replaced by another one, which takes its place', async ({ page }) => {
  const dock = await Dock.open(page);
  const [empty, good] = [file('empty.txt', 0), file('good.txt', 700)];
  await dock.choose(empty.path);
  await dock.until('empty.txt', 'rejected');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), dock.button('Replace empty.txt').click()]);
  await chooser.setFiles(good.path);
  await dock.untilStored(good);
  expect((await dock.files()).map((each) => each.name)).toEqual(['good.txt']);
  await expect(dock.rows()).toHaveCount(1);
});
