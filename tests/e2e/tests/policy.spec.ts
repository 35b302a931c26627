import { Dock, expect, file, picture, test } from './dock';

const expected = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
];

for (const where of ['/', '/e2e/']) {
  test(`${where} is served under the strict policy and breaks none of it`, async ({ page }) => {
    const violations: string[] = [];
    page.on('console', (message) => {
      if (/content.security.policy|trusted ?type/i.test(message.text())) violations.push(message.text());
    });
    const answer = await page.goto(where);
    const policy = (await answer?.headerValue('content-security-policy')) ?? '';
    for (const directive of expected) expect(policy).toContain(directive);
    expect(policy).not.toContain('unsafe-inline');

    const dock = new Dock(page);
    await expect(dock.chooseButton()).toBeVisible();
    const [photo, note] = [picture('photo.png'), file('note.txt', 700)];
    await dock.choose(photo.path, note.path);
    await dock.until('photo.png', 'done');
    await dock.until('note.txt', 'done');
    expect(violations).toEqual([]);
  });
}

test('nothing is asked of anybody but our own parts', async ({ page }) => {
  const ours = [process.env.UPDOCK_PAGE, process.env.UPDOCK_LOCAL, process.env.UPDOCK_SIGNER];
  const strangers: string[] = [];
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && !ours.includes(origin)) strangers.push(request.url());
  });
  const dock = await Dock.open(page);
  const note = file('note.txt', 700);
  await dock.choose(note.path);
  await dock.untilStored(note);
  expect(strangers).toEqual([]);
});
