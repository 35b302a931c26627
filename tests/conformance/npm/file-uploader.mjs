// @uploadcare/file-uploader, the official widget, in a real Chromium. What it does is listed here by hand: it is a
// page's element, not a set of functions.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { generateSecureSignature } from '@uploadcare/signed-uploads';
import { Suite, publicKey, sample, samplePath, secretKey, standins, until, versionOf } from './harness.mjs';
import { Neighbour } from './neighbour.mjs';

const NAME = '@uploadcare/file-uploader';
const suite = new Suite({
  name: NAME,
  version: versionOf(NAME),
  functions: [
    'choosing files',
    'direct upload',
    'multipart upload',
    'upload from a URL',
    'group output',
    'metadata and tags',
    'secure-signature',
    'secure-uploads-signature-resolver',
  ],
});
const neighbour = await Neighbour.start();

const page404 = (response) => response.writeHead(404).end();
const entry = createRequire(import.meta.url).resolve(NAME);
const widget = path.join(entry.slice(0, entry.indexOf(NAME) + NAME.length), 'web/uc-file-uploader-regular.min.js');
const pages = http.createServer((request, response) => {
  const served = {
    '/': [path.join(import.meta.dirname, 'pages/widget.html'), 'text/html'],
    '/uploader.js': [widget, 'text/javascript'],
  }[new URL(request.url, 'http://x').pathname];
  if (!served) return page404(response);
  return response.writeHead(200, { 'content-type': served[1] }).end(fs.readFileSync(served[0]));
});
await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${pages.address().port}/`;

const flags = (process.env.UPDOCK_CHROMIUM_FLAGS ?? '').split(' ').filter((flag) => flag && flag !== '--headless');
const browser = await chromium.launch({ executablePath: process.env.UPDOCK_CHROMIUM || '/usr/bin/chromium', args: flags });

/** Runs `body` with a page whose widget is configured so, and gives what the widget told last. */
async function withWidget(options, body) {
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  try {
    // Only this machine.
    await page.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
    const base = options.standin ?? standins.open;
    const attributes = { pubkey: publicKey, 'base-url': base, 'cdn-cname': base, 'quality-insights': 'false', ...options.attributes };
    await page.goto(`${address}?${new URLSearchParams(attributes)}`);
    await page.waitForFunction(() => window.context?.getAPI?.());
    return await body(page);
  } catch (error) {
    if (errors.length > 0) error.message += `\n(the page: ${errors.join('; ')})`;
    throw error;
  } finally {
    await page.close();
  }
}

const add = (page, name, bytes, type) =>
  page.evaluate(
    ({ name, base64, type }) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      window.context.getAPI().addFileFromObject(new File([bytes], name, { type }));
    },
    { name, base64: bytes.toString('base64'), type },
  );
const upload = (page) => page.evaluate(() => window.context.getAPI().uploadAll());
const told = (page, name) =>
  until(async () => {
    const all = await page.evaluate((name) => JSON.parse(JSON.stringify(window.events.filter((event) => event.name === name))), name);
    return all.length > 0 && all.at(-1).detail;
  }, `event ${name}`, 30_000);
const uploaded = async (page) => {
  const failed = page.evaluate(() => window.events.filter((event) => event.name === 'file-upload-failed').length);
  assert.equal(await failed, 0);
  return told(page, 'file-upload-success');
};
const failure = async (page) => {
  const entry = await told(page, 'file-upload-failed');
  return entry.errors.map((error) => [error.type, error.payload?.error?.code ?? null, error.message]);
};
const stored = async (base, uuid) => Buffer.from(await (await fetch(`${base}/${uuid}/`)).arrayBuffer());
const text = Buffer.from('a few words');

suite.success('choosing files', 'through its button, by a person', () =>
  withWidget({}, async (page) => {
    await page.getByRole('button', { name: 'Upload files' }).first().click();
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: 'From device' }).click(),
    ]);
    await chooser.setFiles([samplePath('photo.jpg')]);
    const file = await uploaded(page);
    assert.deepEqual([file.name, file.isImage], ['photo.jpg', true]);
    assert.deepEqual(await stored(standins.open, file.uuid), sample('photo.jpg'));
  }));
suite.cannotFail('choosing files', 'asks nobody; what is refused is below');

suite.success('direct upload', 'of a photo, shown from the CDN', () =>
  withWidget({}, async (page) => {
    await add(page, 'photo.jpg', sample('photo.jpg'), 'image/jpeg');
    await upload(page);
    const file = await uploaded(page);
    assert.equal(file.cdnUrl, `${standins.open}/${file.uuid}/`);
    assert.deepEqual([file.fileInfo.mimeType, file.fileInfo.imageInfo.format, file.status], ['image/jpeg', 'JPEG', 'success']);
    assert.deepEqual(await stored(standins.open, file.uuid), sample('photo.jpg'));
  }));
suite.success('direct upload', 'waits until the file is ready', () =>
  withWidget({ standin: standins.slow }, async (page) => {
    await add(page, 'photo.jpg', sample('photo.jpg'), 'image/jpeg');
    await upload(page);
    const { uuid } = await uploaded(page);
    const info = await (await fetch(`${standins.slow}/info/?pub_key=${publicKey}&file_id=${uuid}`)).json();
    assert.equal(info.is_ready, true);
  }));
suite.error('direct upload', 'an unknown public key', () =>
  withWidget({ attributes: { pubkey: 'nope' } }, async (page) => {
    await add(page, 'notes.txt', text, 'text/plain');
    await upload(page);
    const [[, code, message]] = await failure(page);
    assert.deepEqual([code, message], ['ProjectPublicKeyInvalidError', 'UPLOADCARE_PUB_KEY is invalid.']);
  }));

suite.success('multipart upload', 'of a large file', () =>
  withWidget({ attributes: { 'multipart-min-file-size': '10000000' } }, async (page) => {
    await add(page, 'large.bin', sample('large.bin'), 'application/octet-stream');
    await upload(page);
    const file = await uploaded(page);
    assert.equal(file.size, sample('large.bin').length);
    assert.deepEqual(await stored(standins.open, file.uuid), sample('large.bin'));
  }));
suite.error('multipart upload', 'without a signature where one is asked for', () =>
  withWidget({ standin: standins.signed, attributes: { 'multipart-min-file-size': '10000000' } }, async (page) => {
    await add(page, 'large.bin', sample('large.bin'), 'application/octet-stream');
    await upload(page);
    assert.equal((await failure(page))[0][1], 'SignatureRequiredError');
  }));

const addUrl = (page, url) => page.evaluate((url) => void window.context.getAPI().addFileFromUrl(url), url);
suite.success('upload from a URL', 'of a photo', () =>
  withWidget({}, async (page) => {
    await addUrl(page, `${neighbour.base}/tree.jpg`);
    await upload(page);
    const file = await uploaded(page);
    assert.deepEqual([file.fileInfo.originalFilename, file.isImage], ['tree.jpg', true]);
    assert.deepEqual(await stored(standins.open, file.uuid), sample('photo.jpg'));
  }));
suite.error('upload from a URL', 'the source has no such file', () =>
  withWidget({}, async (page) => {
    await addUrl(page, `${neighbour.base}/gone.jpg`);
    await upload(page);
    const [[, code, message]] = await failure(page);
    assert.deepEqual([code, message], ['DownloadFileHTTPClientError', 'HTTP client error: 404.']);
  }));

suite.success('group output', 'of two files', () =>
  withWidget({ attributes: { 'group-output': 'true' } }, async (page) => {
    await add(page, 'photo.jpg', sample('photo.jpg'), 'image/jpeg');
    await add(page, 'notes.txt', text, 'text/plain');
    await upload(page);
    const { group } = await told(page, 'group-created');
    assert.match(group.uuid, /~2$/);
    assert.deepEqual(group.files.map((file) => file.originalFilename), ['photo.jpg', 'notes.txt']);
    assert.equal(group.cdnUrl, `${standins.open}/${group.uuid}/`);
  }));
suite.error('group output', 'the service is out of order', () =>
  withWidget({ attributes: { 'group-output': 'true' } }, async (page) => {
    const fault = { operation: 'groups.create', effect: { error: 'AccountBlockedError' } };
    await fetch(`${standins.open}/_local/faults`, { method: 'PUT', body: JSON.stringify(fault) });
    try {
      await add(page, 'notes.txt', text, 'text/plain');
      await upload(page);
      await uploaded(page);
      const arrived = await until(async () => {
        const requests = await (await fetch(`${standins.open}/_local/requests`)).json();
        return requests.findLast((request) => request.operation === 'groups.create' && request.fault);
      }, 'refused group');
      assert.equal(arrived.status, 200);
      assert.equal(await page.evaluate(() => window.events.filter(({ name }) => name === 'group-created').length), 0);
    } finally {
      await fetch(`${standins.open}/_local/faults`, { method: 'DELETE' });
    }
  }));

suite.success('metadata and tags', 'go with the file', () =>
  withWidget({}, async (page) => {
    await page.evaluate(() => Object.assign(window.config, { metadata: { pet: 'cat' }, tags: ['cat', 'dog'] }));
    await add(page, 'notes.txt', text, 'text/plain');
    await upload(page);
    assert.deepEqual((await uploaded(page)).fileInfo.metadata, { pet: 'cat' });
  }));
suite.error('metadata and tags', 'a key that is none', () =>
  withWidget({}, async (page) => {
    await page.evaluate(() => Object.assign(window.config, { metadata: { 'white space': 'x' } }));
    await add(page, 'notes.txt', text, 'text/plain');
    await upload(page);
    assert.equal((await failure(page))[0][1], 'FileMetadataKeyForbiddenError');
  }));

const pair = (secret, lifetime = 3_600_000) => generateSecureSignature(secret, { lifetime });
const attributesOf = ({ secureSignature, secureExpire }) => ({ 'secure-signature': secureSignature, 'secure-expire': secureExpire });
suite.success('secure-signature', 'opens a project that asks for one', () =>
  withWidget({ standin: standins.signed, attributes: attributesOf(pair(secretKey)) }, async (page) => {
    await add(page, 'notes.txt', text, 'text/plain');
    await upload(page);
    assert.deepEqual(await stored(standins.signed, (await uploaded(page)).uuid), text);
  }));
suite.error('secure-signature', 'of another secret', () =>
  withWidget({ standin: standins.signed, attributes: attributesOf(pair('other')) }, async (page) => {
    await add(page, 'notes.txt', text, 'text/plain');
    await upload(page);
    assert.equal((await failure(page))[0][1], 'SignatureInvalidError');
  }));
const withResolver = (secret, body) =>
  withWidget({ standin: standins.signed }, async (page) => {
    await page.exposeFunction('sign', () => pair(secret));
    await page.evaluate(() => (window.config.secureUploadsSignatureResolver = () => window.sign()));
    await add(page, 'notes.txt', text, 'text/plain');
    await upload(page);
    await body(page);
  });
suite.success('secure-uploads-signature-resolver', 'is asked and opens the project', () =>
  withResolver(secretKey, async (page) => assert.ok((await uploaded(page)).uuid)));
suite.error('secure-uploads-signature-resolver', 'of another secret', () =>
  withResolver('other', async (page) => assert.equal((await failure(page))[0][1], 'SignatureInvalidError')));

suite.after = () => browser.close();
await suite.run();
