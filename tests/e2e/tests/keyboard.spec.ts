import { Dock, expect, file, test } from './dock';

test('everything can be done with the keyboard alone', async ({ page }) => {
  const dock = await Dock.open(page);
  const note = file('note.txt', 800);
  // Playwright takes the picker over from here on, and not only after the key was pressed.
  page.on('filechooser', () => {});
  await page.keyboard.press('Tab');
  await expect(dock.chooseButton()).toBeFocused();
  // The focus stays where it is while the widget takes the place of the shell's first button.
  await expect(dock.element.locator('[role=status]')).toBeAttached();
  await expect(dock.chooseButton()).toBeFocused();
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
  await chooser.setFiles([note.path]);
  await dock.untilStored(note);
  const remove = dock.button('Remove note.txt');
  for (let presses = 0; presses < 8 && !(await focused(remove)); presses += 1) await page.keyboard.press('Tab');
  await expect(remove).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(dock.row('note.txt')).toHaveCount(0);
  // The focus is not lost with the row.
  await expect(dock.chooseButton()).toBeFocused();
});

test('the list, its rows and what happens are told to screen readers', async ({ page }) => {
  const dock = await Dock.open(page);
  const note = file('note.txt', 800);
  await dock.choose(note.path);
  await dock.untilStored(note);
  await expect(dock.element.getByRole('list')).toBeVisible();
  await expect(dock.rows()).toHaveCount(1);
  const polite = dock.element.locator('[role=status], [aria-live=polite]').first();
  await expect(polite).toContainText(/note\.txt|1 file|uploaded/i);
});

async function focused(locator: import('@playwright/test').Locator): Promise<boolean> {
  return locator.evaluate((element) => (element.getRootNode() as ShadowRoot | Document).activeElement === element);
}
