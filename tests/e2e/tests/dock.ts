// What a person sees of the widget, in a person's words. Tests know it only through this file.
import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, openSync, writeSync, closeSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { expect, test as base, type Locator, type Page } from '@playwright/test';

export const MiB = 1024 * 1024;

const env = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with \`cargo xtask e2e\``);
  return value;
};

/** The stand-in, asked as its owner would. */
export const service = {
  url: env('UPDOCK_LOCAL'),
  signer: env('UPDOCK_SIGNER'),

  async rest(uuid: string): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.url}/files/${uuid}/`, {
      headers: {
        Accept: 'application/vnd.uploadcare-v0.7+json',
        Authorization: 'Uploadcare.Simple demopublickey:demosecretkey',
      },
    });
    expect(answer.status, `REST answer for ${uuid}`).toBe(200);
    return (await answer.json()) as Record<string, unknown>;
  },

  async sha256(uuid: string): Promise<string> {
    const answer = await fetch(`${this.url}/${uuid}/`);
    expect(answer.status, `original of ${uuid}`).toBe(200);
    return createHash('sha256').update(Buffer.from(await answer.arrayBuffer())).digest('hex');
  },

  /** From now on these go wrong, and nothing else. */
  async faults(...faults: object[]): Promise<void> {
    const answer = await fetch(`${this.url}/_local/faults`, { method: 'PUT', body: JSON.stringify(faults) });
    expect(answer.status, await answer.text()).toBe(200);
  },

  /** What has arrived since `forget`, oldest first. */
  async requests(): Promise<Arrived[]> {
    return (await (await fetch(`${this.url}/_local/requests`)).json()) as Arrived[];
  },

  async forget(): Promise<void> {
    await fetch(`${this.url}/_local/requests`, { method: 'DELETE' });
  },

  /** Takes the stand-in away as a power cut would. */
  async kill(): Promise<void> {
    await fetch(`${env('UPDOCK_CONTROL')}/local/kill`, { method: 'POST' });
  },

  async restart(): Promise<void> {
    const answer = await fetch(`${env('UPDOCK_CONTROL')}/local/restart`, { method: 'POST' });
    expect(answer.status, await answer.text()).toBe(204);
  },
};

/** A request as the stand-in tells of it. */
export interface Arrived {
  method: string;
  path: string;
  operation: string | null;
  part: number | null;
  status: number | null;
  received: number;
  aborted: boolean;
  /** How many were under way then, itself included. */
  at_once: number;
}

/** So many parts are let through; the others are never answered, as if the line had died. */
export const after = (parts: number) => service.faults({ operation: 'part', skip: parts, effect: { delay_ms: 600_000 } });

export const storedParts = async () =>
  (await service.requests()).filter((request) => request.operation === 'part' && request.status === 200);

export const bytes = (parts: Arrived[]) => parts.reduce((sum, { received }) => sum + received, 0);

/** Each file was begun once, and every part of them taken in exactly once. */
export async function once(...sizes: number[]): Promise<void> {
  const requests = await service.requests();
  expect(requests.filter((request) => request.operation === 'uploads.multipart_start')).toHaveLength(sizes.length);
  const parts = await storedParts();
  const names = parts.map(({ path, part }) => `${path} ${part}`);
  expect(names, 'no part twice').toHaveLength(new Set(names).size);
  expect(bytes(parts)).toBe(sizes.reduce((sum, size) => sum + size, 0));
}

/** A JWT for uploads as the service takes it, for tests that need one that is no good any more. */
export function uploadToken(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  const key = createHash('sha256').update('demosecretkey').digest();
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

const folder = path.join(import.meta.dirname, '../results/files');
let made = 0;

/** A real file on disk, with bytes of its own, and their hash. */
export function file(name: string, size: number): { path: string; name: string; size: number; sha256: string } {
  made += 1;
  const place = path.join(folder, String(made));
  mkdirSync(place, { recursive: true });
  const full = path.join(place, name);
  const hash = createHash('sha256');
  const open = openSync(full, 'w');
  for (let left = size, block = 0; left > 0; block += 1) {
    const bytes = noise(made * 100_003 + block, Math.min(left, MiB));
    hash.update(bytes);
    writeSync(open, bytes);
    left -= bytes.length;
  }
  closeSync(open);
  return { path: full, name, size, sha256: hash.digest('hex') };
}

/** A picture that a browser can show: a sky over water, tinted by its name. */
export function picture(name: string): { path: string; name: string } {
  const [width, height] = [480, 320];
  const tint = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 70;
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) {
    const sea = y > height * 0.6;
    for (let x = 0; x < width; x += 1) {
      const sun = Math.hypot(x - width * 0.68, y - height * 0.5) < 46;
      const wave = sea ? 14 * Math.sin(x / 9 + (y * y) / 90) : 0;
      const sky = y / height;
      const colour = sun && !sea ? [255, 226, 150] : sea ? [30 + tint, 90, 130] : [130 + 120 * sky, 120 + tint + 60 * sky, 190 - 60 * sky];
      colour.forEach((value, channel) => rows.writeUInt8(Math.max(0, Math.min(255, Math.round(value + wave))), y * (width * 3 + 1) + 1 + x * 3 + channel));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  made += 1;
  const place = path.join(folder, String(made));
  mkdirSync(place, { recursive: true });
  const full = path.join(place, name);
  writeFileSync(full, Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]));
  return { path: full, name };
}

/** One piece of a PNG: length, type, data, CRC-32 of type and data. */
function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  let crc = 0xffffffff;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
  return Buffer.concat([length, body, sum]);
}

function noise(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (seed | 0) || 1;
  for (let index = 0; index + 4 <= length; index += 4) {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    bytes.writeInt32LE(state | 0, index);
  }
  return bytes;
}

export interface Snapshot {
  id: number | string;
  name: string;
  size: number;
  state: string;
  uuid?: string | null;
  receipt?: string;
  confirmed?: boolean;
}

/** The bare test page. */
export const pageUrl = (query = new URLSearchParams()): string => `${env('UPDOCK_PAGE')}/e2e/?${query}`;

/** What is stored for a row that is done is what was sent, and it is kept. */
export async function isStored(done: Snapshot, sent: { sha256: string }): Promise<void> {
  const uuid = done.uuid ?? '';
  expect(await service.sha256(uuid)).toBe(sent.sha256);
  expect((await service.rest(uuid)).datetime_stored, 'stored beyond 24 hours').toBeTruthy();
}

/** One widget on a page. */
export class Dock {
  readonly element: Locator;

  constructor(readonly page: Page, index = 0) {
    this.element = page.locator('up-dock').nth(index);
  }

  /** Opens the bare test page. */
  static async open(page: Page, options: { attributes?: Record<string, string | null>; count?: number; dir?: string } = {}): Promise<Dock> {
    const query = new URLSearchParams();
    if (options.attributes) query.set('attributes', JSON.stringify(options.attributes));
    if (options.count) query.set('count', String(options.count));
    if (options.dir) query.set('dir', options.dir);
    await page.goto(pageUrl(query));
    const dock = new Dock(page);
    await expect(dock.chooseButton()).toBeVisible();
    return dock;
  }

  chooseButton(): Locator {
    return this.element.getByRole('button', { name: /choose|browse|add/i }).first();
  }

  /** Through the button, as a person does. */
  async choose(...paths: string[]): Promise<void> {
    const [chooser] = await Promise.all([this.page.waitForEvent('filechooser'), this.chooseButton().click()]);
    await chooser.setFiles(paths);
  }

  rows(): Locator {
    return this.element.getByRole('listitem');
  }

  row(name: string): Locator {
    return this.rows().filter({ hasText: name });
  }

  button(name: string | RegExp): Locator {
    return this.element.getByRole('button', { name });
  }

  /** The element's own immutable report. */
  async files(): Promise<Snapshot[]> {
    return this.element.evaluate((dock) => JSON.parse(JSON.stringify((dock as unknown as { files: unknown }).files ?? [])));
  }

  async file(name: string): Promise<Snapshot | undefined> {
    return (await this.files()).find((each) => each.name === name);
  }

  /** Waits until a file is in one of the states. */
  async until(name: string, states: string | string[], timeout = 30_000): Promise<Snapshot> {
    const wanted = [states].flat();
    await expect
      .poll(async () => (await this.file(name))?.state ?? 'no row', { message: `state of ${name}`, timeout })
      .toMatch(new RegExp(`^(${wanted.join('|')})$`));
    return (await this.file(name)) as Snapshot;
  }

  /** Waits until the file is done, and checks that what is stored is what was sent. */
  async untilStored(sent: { name: string; size: number; sha256: string }, timeout = 45_000): Promise<Snapshot> {
    const done = await this.until(sent.name, ['done', 'failed'], timeout);
    expect(done.state, `${sent.name}: ${await this.row(sent.name).innerText()}`).toBe('done');
    await isStored(done, sent);
    return done;
  }
}

/** Every test also proves that nothing broke the page's security policy and nothing threw. */
export const test = base.extend<{ clean: void }>({
  clean: [
    async ({ page }, use) => {
      const thrown: string[] = [];
      page.on('pageerror', (error) => thrown.push(String(error)));
      await use();
      const violations = await page
        .evaluate(() => (window as unknown as { updock?: { violations: string[] } }).updock?.violations ?? [])
        .catch(() => []);
      expect(violations, 'violations of the security policy').toEqual([]);
      expect(thrown, 'errors thrown in the page').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
