// Browsers that Playwright cannot drive as people have them: a stock Firefox by WebDriver BiDi, and WebKitGTK by its own
// WebDriver. What they do here is little, so that both can: open, choose files, ask the page, take a picture.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import puppeteer from 'puppeteer-core';
import { Builder } from 'selenium-webdriver';
import { expect, type Snapshot } from './dock';

/** A page in another browser, with a widget on it. */
export interface Elsewhere {
  open(url: string): Promise<void>;
  /** What an expression is in the page; it must be what JSON can say. */
  ask<T>(expression: string): Promise<T>;
  /** Gives files to the widget's own input, as its button's dialog would. */
  choose(...paths: string[]): Promise<void>;
  reload(): Promise<void>;
  picture(): Promise<Buffer>;
  close(): Promise<void>;
}

const INPUT = `document.querySelector('up-dock')?.shadowRoot?.querySelector('input[type=file]')`;

export const files = (page: Elsewhere): Promise<Snapshot[]> =>
  page.ask(`JSON.parse(JSON.stringify(document.querySelector('up-dock')?.files ?? []))`);

/** Whether the widget is there and takes files. */
export const ready = (page: Elsewhere): Promise<boolean> =>
  page.ask(`!!${INPUT}`);

export async function firefox(program: string): Promise<Elsewhere> {
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath: program, headless: true });
  const page = await browser.newPage();
  await page.setViewport({ width: 900, height: 700 });
  return {
    open: async (url) => void (await page.goto(url)),
    ask: <T>(expression: string) => page.evaluate(expression) as Promise<T>,
    choose: async (...paths) => {
      const input = await page.waitForSelector('up-dock >>> input[type=file]');
      await (input as NonNullable<typeof input> & { uploadFile(...paths: string[]): Promise<void> }).uploadFile(...paths);
    },
    reload: async () => void (await page.reload()),
    picture: async () => Buffer.from(await page.screenshot()),
    close: () => browser.close(),
  };
}

/** WebKitGTK has no headless mode: it paints on a screen that nobody sees. */
export async function webkit(driver: string, screen: string): Promise<Elsewhere> {
  const started: ChildProcess[] = [];
  const stop = () => started.reverse().forEach((child) => child.kill());
  try {
    const shown = spawn(screen, ['-displayfd', '1', '-screen', '0', '1000x800x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'pipe', 'ignore'] });
    started.push(shown);
    const display = await new Promise<string>((resolve, reject) => {
      shown.once('error', reject);
      shown.once('exit', (code) => reject(new Error(`${screen} ended with ${code}`)));
      shown.stdout.once('data', (number) => resolve(`:${String(number).trim()}`));
    });
    const port = await freePort();
    started.push(spawn(driver, [`--port=${port}`], { stdio: 'ignore', env: { ...process.env, DISPLAY: display, LIBGL_ALWAYS_SOFTWARE: '1' } }));
    const url = `http://127.0.0.1:${port}`;
    await expect(() => fetch(`${url}/status`)).toPass({ timeout: 10_000 });
    const session = await new Builder().usingServer(url).withCapabilities({ browserName: 'MiniBrowser' }).build();
    return {
      open: (url) => session.get(url),
      ask: <T>(expression: string) => session.executeScript<T>(`return (${expression})`),
      choose: async (...paths) => {
        const input = await session.executeScript<{ sendKeys(text: string): Promise<void> }>(`return ${INPUT}`);
        await input.sendKeys(paths.join('\n'));
      },
      reload: () => session.navigate().refresh(),
      picture: async () => Buffer.from(await session.takeScreenshot(), 'base64'),
      close: async () => {
        await session.quit().finally(stop);
      },
    };
  } catch (error) {
    stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
