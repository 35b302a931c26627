import { Dock, MiB, expect, file, service, test } from './dock';

test.afterEach(() => service.restart());

test('an upload goes on by itself when the service comes back', async ({ page }) => {
  test.setTimeout(120_000);
  const dock = await Dock.open(page);
  const film = file('film.mp4', 60 * MiB);
  let parts = 0;
  const middle = new Promise<void>((resolve) => {
    page.on('requestfinished', (request) => {
      if (request.method() === 'PUT' && (parts += 1) === 3) resolve();
    });
  });
  await dock.choose(film.path);
  await middle;
  await service.kill();
  await dock.until('film.mp4', ['retrying', 'waiting'], 30_000);
  await service.restart();
  await dock.untilStored(film, 60_000);
});

test('a file added while the service is away is uploaded when it is back', async ({ page }) => {
  test.setTimeout(120_000);
  const dock = await Dock.open(page);
  await service.kill();
  const note = file('note.txt', 3000);
  await dock.choose(note.path);
  await dock.until('note.txt', ['retrying', 'waiting']);
  await service.restart();
  await dock.untilStored(note, 60_000);
});

test('a file that was acknowledged is still there after kill -9', async ({ page }) => {
  const dock = await Dock.open(page);
  const note = file('kept.txt', 5000);
  await dock.choose(note.path);
  const done = await dock.untilStored(note);
  await service.kill();
  await service.restart();
  expect(await service.sha256(String(done.uuid))).toBe(note.sha256);
});
