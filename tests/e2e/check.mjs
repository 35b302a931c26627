// Drops files on the demo page with a real Chromium and reports what the page shows, as JSON.
// Started by `cargo xtask demo --check`, which does the judging.
import path from 'node:path';
import { chromium } from '@playwright/test';

const files = process.argv.slice(2);
const flags = (process.env.UPDOCK_CHROMIUM_FLAGS ?? '').split(' ').filter((flag) => flag && flag !== '--headless');
const browser = await chromium.launch({ executablePath: process.env.UPDOCK_CHROMIUM, args: flags });
try {
  const page = await browser.newPage();
  const violations = [];
  page.on('console', (message) => {
    if (/content.security.policy|trusted ?type/i.test(message.text())) violations.push(message.text());
  });
  page.on('pageerror', (error) => violations.push(String(error)));
  await page.goto(process.env.UPDOCK_PAGE);
  const dock = page.locator('up-dock').first();
  await dock.getByRole('button').first().waitFor();

  const box = await dock.boundingBox();
  const devtools = await page.context().newCDPSession(page);
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await devtools.send('Input.dispatchDragEvent', {
      type,
      x: box.x + box.width / 2,
      y: box.y + box.height / 2,
      data: { items: [], files, dragOperationsMask: 1 },
    });
  }

  const read = () => dock.evaluate((element) => JSON.parse(JSON.stringify(element.files ?? [])));
  const ended = ['done', 'failed', 'rejected', 'needs-file'];
  const deadline = Date.now() + 180_000;
  let rows = [];
  while (Date.now() < deadline) {
    rows = await read();
    if (rows.length >= files.length && rows.every((row) => ended.includes(row.state))) break;
    await page.waitForTimeout(100);
  }
  const report = [];
  for (const row of rows) {
    const item = dock.getByRole('listitem').filter({ hasText: row.name }).first();
    const text = (await item.innerText().catch(() => row.state)).replace(/\s+/g, ' ').trim();
    const { name, state, uuid = null, receipt = null, confirmed = false } = row;
    report.push({ name, state, uuid, receipt, confirmed, text });
  }
  const seen = files.map((file) => path.basename(file)).filter((name) => !rows.some((row) => row.name === name));
  if (seen.length > 0) console.error(`no row for ${seen.join(', ')}`);
  console.log(JSON.stringify({ rows: report, violations }));
} finally {
  await browser.close();
}
