import { Dock, MiB, expect, file, service, test, uploadToken } from './dock';

test('an expired credential is replaced by a fresh one without a person noticing', async ({ page }) => {
  let asked = 0;
  await page.route('**/v1/upload-credentials', async (route) => {
    asked += route.request().method() === 'POST' ? 1 : 0;
    if (asked !== 1 || route.request().method() !== 'POST') return route.fallback();
    const answer = await route.fetch();
    // Good by its own words, no good to the service: as when the clocks of two machines differ.
    const past = Math.floor(Date.now() / 1000) - 600;
    const token = uploadToken({ iat: past - 60, exp: past, pub_key: 'demopublickey' });
    return route.fulfill({ response: answer, json: { ...(await answer.json()), kind: 'jwt', token } });
  });
  const dock = await Dock.open(page);
  const note = file('note.txt', 4000);
  await dock.choose(note.path);
  await dock.untilStored(note);
  expect(asked).toBe(2);
});

test('one credential serves all files that wait', async ({ page }) => {
  let asked = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/upload-credentials') && request.method() === 'POST') asked += 1;
  });
  const dock = await Dock.open(page);
  const files = [1, 2, 3, 4].map((number) => file(`n-${number}.txt`, 1000 + number));
  await dock.choose(...files.map((each) => each.path));
  for (const each of files) await dock.untilStored(each);
  expect(asked).toBe(1);
});

test('a public key that the service refuses ends in a clear failure', async ({ page }) => {
  const dock = await Dock.open(page, { attributes: { 'public-key': 'wrongpublickey', 'signer-url': null } });
  const note = file('note.txt', 500);
  await dock.choose(note.path);
  await dock.until('note.txt', 'failed');
  await expect(dock.row('note.txt')).toContainText(/key/i);
  await expect(dock.button('Remove note.txt')).toBeVisible();
});

const answers = {
  'status 500': { status: 500, contentType: 'application/json', body: '{}' },
  'a page of HTML': { status: 200, contentType: 'text/html', body: '<!doctype html><title>Sign in</title>' },
};
for (const [what, answer] of Object.entries(answers)) {
  test(`a signer that answers with ${what} fails the files clearly, and a retry works once it is back`, async ({ page }) => {
    test.setTimeout(150_000);
    let broken = true;
    await page.route('**/v1/upload-credentials', (route) => (broken ? route.fulfill(cors(answer)) : route.fallback()));
    const dock = await Dock.open(page);
    const note = file('note.txt', 900);
    await dock.choose(note.path);
    await dock.until('note.txt', 'failed', 120_000);
    expect((await dock.row('note.txt').innerText()).replace('note.txt', '')).toMatch(/[a-z]{3,} [a-z]{2,}/i);
    broken = false;
    await dock.button(/(Retry|Try).*note\.txt/).click();
    await dock.untilStored(note);
  });
}

test('a signer that is silent for 30 seconds does not hold the upload for ever', async ({ page }) => {
  test.setTimeout(150_000);
  let silent = true;
  await page.route('**/v1/upload-credentials', async (route) => {
    if (silent) {
      silent = false;
      await new Promise((resolve) => setTimeout(resolve, 30_000));
    }
    await route.fallback().catch(() => {});
  });
  const dock = await Dock.open(page);
  const note = file('note.txt', 900);
  await dock.choose(note.path);
  await dock.until('note.txt', ['done', 'failed'], 120_000);
});

test('the answer of the confirmation goes into the form', async ({ page }) => {
  const dock = await Dock.open(page);
  const film = file('film.mp4', 12 * MiB);
  await dock.choose(film.path);
  const done = await dock.untilStored(film);
  const values = await page.evaluate(() => new FormData(document.querySelector('form') ?? undefined).getAll('photos').map(String));
  expect(values).toEqual([String(done.receipt)]);
  // An application's server would verify it with any library; here the signer does.
  const answer = await page.request.post(`${service.signer}/v1/receipts/verify`, {
    headers: { Origin: new URL(page.url()).origin },
    data: { receipt: done.receipt },
  });
  expect(await answer.json()).toMatchObject({ uuid: done.uuid, size: 12 * MiB, stored: true });
});

function cors(answer: { status: number; contentType: string; body: string }) {
  return { ...answer, headers: { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' } };
}
