// One worker: the parts are shared, and some tests take one of them away.
import { defineConfig } from '@playwright/test';

const flags = (process.env.UPDOCK_CHROMIUM_FLAGS ?? '').split(' ').filter((flag) => flag && flag !== '--headless');

export default defineConfig({
  testDir: 'tests',
  outputDir: 'results/output',
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    baseURL: process.env.UPDOCK_PAGE,
    launchOptions: { executablePath: process.env.UPDOCK_CHROMIUM, args: flags },
    viewport: { width: 900, height: 700 },
    screenshot: 'only-on-failure',
  },
});
