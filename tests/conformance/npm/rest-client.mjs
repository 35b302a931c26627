// @uploadcare/rest-client, every public function, in Node.
import assert from 'node:assert/strict';
import * as sdk from '@uploadcare/rest-client';
import { base as upload, group as makeGroup, isReadyPoll } from '@uploadcare/upload-client';
import { createHmac, randomUUID } from 'node:crypto';
import { NOBODY, Suite, agents, functionsOf, publicKey, rest, sample, secretKey, standins, until, versionOf, withFault } from './harness.mjs';
import { Neighbour } from './neighbour.mjs';

const NAME = '@uploadcare/rest-client';
const suite = new Suite({ name: NAME, version: versionOf(NAME), functions: functionsOf(NAME, sdk) });
const neighbour = await Neighbour.start();

const authSchema = new sdk.UploadcareAuthSchema({ publicKey, secretKey });
const simple = new sdk.UploadcareSimpleAuthSchema({ publicKey, secretKey: agents?.all ?? secretKey });
const at = (base, schema = agents ? simple : authSchema) => ({ apiBaseURL: base, authSchema: schema, retryNetworkErrorMaxTimes: 0 });
const open = at(rest.open);
const strict = at(rest.strict);
const slow = at(rest.slow);

const send = async (base, bytes, options = {}) => (await upload(bytes, { publicKey, baseURL: base, ...options })).file;
const note = (options) => send(standins.open, Buffer.from('a few words'), { fileName: 'notes.txt', contentType: 'text/plain', ...options });
const photo = (base = standins.open, options = {}) =>
  send(base, sample('photo.jpg'), { fileName: 'photo.jpg', contentType: 'image/jpeg', ...options });
const pdf = () => send(standins.open, sample('document.pdf'), { fileName: 'document.pdf', contentType: 'application/pdf' });
const film = () => send(standins.open, sample('film.mp4'), { fileName: 'film.mp4', contentType: 'video/mp4' });
const grouped = async (...uuids) => (await makeGroup(uuids, { publicKey, baseURL: standins.open })).id;
const poll = { pollOptions: { interval: 50, timeout: 30_000 } };

async function refused(call, status, message) {
  const error = await call().then(
    (value) => assert.fail(`was not refused but answered ${JSON.stringify(value)}`),
    (error) => error,
  );
  assert.ok(sdk.isRestClientError(error), `${error?.name}: ${error?.message}`);
  assert.equal(error.status, status, error.message);
  if (message instanceof RegExp) assert.match(error.message, message);
  else if (message) assert.ok(error.message.endsWith(message), `${JSON.stringify(error.message)} does not end with ${JSON.stringify(message)}`);
  return error;
}
const missing = (call) => refused(call, 404, '] Not found.');

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
function isFile(file, uuid) {
  assert.equal(file.uuid, uuid);
  assert.equal(file.url, `${rest.open}/files/${uuid}/`);
  assert.match(file.datetimeUploaded, ISO);
  for (const key of ['datetimeStored', 'datetimeRemoved']) assert.ok(file[key] === null || ISO.test(file[key]), key);
  for (const key of ['isReady', 'isImage']) assert.equal(typeof file[key], 'boolean', key);
  for (const key of ['mimeType', 'originalFilename']) assert.equal(typeof file[key], 'string', key);
  assert.equal(typeof file.size, 'number');
  assert.equal(typeof file.metadata, 'object');
  assert.ok(Array.isArray(file.tags));
}

// Authentication.
suite.success('UploadcareAuthSchema', 'signs with the secret key', async () => {
  assert.ok((await sdk.listOfFiles({}, open)).results);
  assert.equal(authSchema.publicKey, publicKey);
});
suite.success('UploadcareAuthSchema', 'signs through a resolver', async () => {
  const signatureResolver = async (text) => createHmac('sha1', secretKey).update(text).digest('hex');
  await sdk.listOfFiles({}, at(rest.open, new sdk.UploadcareAuthSchema({ publicKey, signatureResolver })));
});
suite.error('UploadcareAuthSchema', 'another secret', () => {
  const schema = new sdk.UploadcareAuthSchema({ publicKey, secretKey: 'other' });
  return refused(() => sdk.listOfFiles({}, at(rest.open, schema)), 401, 'Invalid signature. Please check your Secret key.');
});
suite.error('UploadcareAuthSchema', 'an unknown public key', () => {
  const schema = new sdk.UploadcareAuthSchema({ publicKey: 'nope', secretKey });
  return refused(() => sdk.listOfFiles({}, at(rest.open, schema)), 401, 'Public key nope not found.');
});
suite.success('UploadcareAuthSchema.getHeaders', 'are what the service takes', async () => {
  const { Request } = globalThis;
  const request = new Request(`${rest.open}/files/?limit=1`, { headers: { 'content-type': 'application/json' } });
  const headers = await authSchema.getHeaders(request);
  const answer = await fetch(request.url, { headers: Object.fromEntries(headers.entries()) });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'application/vnd.uploadcare-v0.7+json');
});
suite.error('UploadcareAuthSchema.getHeaders', 'fit one request only', async () => {
  const request = new Request(`${rest.open}/files/?limit=1`, { headers: { 'content-type': 'application/json' } });
  const headers = await authSchema.getHeaders(request);
  const answer = await fetch(`${rest.open}/files/?limit=2`, { headers: Object.fromEntries(headers.entries()) });
  assert.equal(answer.status, 401);
});
suite.success('UploadcareSimpleAuthSchema', 'brings the secret key', async () => {
  assert.ok((await sdk.listOfFiles({}, at(rest.open, simple))).results);
});
suite.error('UploadcareSimpleAuthSchema', 'another secret', () => {
  const schema = new sdk.UploadcareSimpleAuthSchema({ publicKey, secretKey: 'other' });
  return refused(() => sdk.listOfFiles({}, at(rest.open, schema)), 401, 'Secret key not found.');
});
suite.error('UploadcareSimpleAuthSchema', 'over HTTP where that is forbidden', () =>
  refused(() => sdk.listOfFiles({}, at(rest.strict, simple)), 400,
    'Simple authentication over HTTP is forbidden. Please, use HTTPS or signed requests instead.'));
suite.success('UploadcareSimpleAuthSchema.getHeaders', 'are what the service takes', async () => {
  const headers = await simple.getHeaders(new Request(`${rest.open}/files/`));
  assert.equal((await fetch(`${rest.open}/files/`, { headers: Object.fromEntries(headers.entries()) })).status, 200);
});
suite.error('UploadcareSimpleAuthSchema.getHeaders', 'of nobody', async () => {
  const headers = await new sdk.UploadcareSimpleAuthSchema({ publicKey, secretKey: 'x' }).getHeaders(new Request(rest.open));
  assert.equal((await fetch(`${rest.open}/files/`, { headers: Object.fromEntries(headers.entries()) })).status, 401);
});
suite.success('createSignature', 'by the documented vector', async () => {
  const lines = ['GET', 'd41d8cd98f00b204e9800998ecf8427e', 'application/json', 'Mon, 05 Nov 2018 13:14:41 GMT', '/files/?limit=1&stored=true'];
  assert.equal(await sdk.createSignature('demoprivatekey', lines.join('\n')), '3cbc4d2cf91f80c1ba162b926f8a975e8bec7995');
});
suite.success('getUserAgent', 'says who asks', () =>
  assert.equal(sdk.getUserAgent({ libraryName: 'a', libraryVersion: '1', publicKey }), `a/1/${publicKey} (JavaScript)`));

// Files.
suite.success('fileInfo', 'tells everything of an image', async () => {
  const uuid = await photo(standins.open, { store: true, metadata: { pet: 'cat' }, tags: ['cat'] });
  const file = await sdk.fileInfo({ uuid }, open);
  isFile(file, uuid);
  assert.deepEqual([file.isImage, file.isReady, file.size], [true, true, sample('photo.jpg').length]);
  assert.deepEqual([file.metadata, file.tags, file.variations], [{ pet: 'cat' }, ['cat'], null]);
  assert.equal(file.contentInfo.image.format, 'JPEG');
  assert.match(file.datetimeStored, ISO);
  assert.ok(file.originalFileUrl.endsWith(`/${uuid}/photo.jpg`));
  assert.ok(!('appdata' in file));
});
suite.success('fileInfo', 'with the appdata', async () => {
  assert.deepEqual((await sdk.fileInfo({ uuid: await note(), include: 'appdata' }, open)).appdata, {});
});
suite.error('fileInfo', 'nobody has the file', () => missing(() => sdk.fileInfo({ uuid: NOBODY }, open)));
suite.error('fileInfo', 'no UUID', () => missing(() => sdk.fileInfo({ uuid: 'nonexistent' }, open)));
suite.error('fileInfo', 'no settings', () =>
  assert.rejects(sdk.fileInfo({ uuid: NOBODY }, { apiBaseURL: rest.open }), sdk.RestClientError));

suite.success('storeFile', 'and once more, with the first time kept', async () => {
  const uuid = await note({ store: false });
  const file = await sdk.storeFile({ uuid }, open);
  isFile(file, uuid);
  assert.match(file.datetimeStored, ISO);
  assert.equal((await sdk.storeFile({ uuid }, open)).datetimeStored, file.datetimeStored);
});
suite.error('storeFile', 'nobody has the file', () => missing(() => sdk.storeFile({ uuid: NOBODY }, open)));

suite.success('deleteFile', 'leaves the facts and takes the rest', async () => {
  const uuid = await note({ store: true });
  const file = await sdk.deleteFile({ uuid }, open);
  isFile(file, uuid);
  assert.match(file.datetimeRemoved, ISO);
  assert.deepEqual([file.datetimeStored, file.originalFileUrl], [null, null]);
  assert.equal((await sdk.fileInfo({ uuid }, open)).datetimeRemoved, file.datetimeRemoved);
});
suite.error('deleteFile', 'nobody has the file', () => missing(() => sdk.deleteFile({ uuid: 'nonexistent' }, open)));

for (const [name, isDone] of [['storeFiles', (file) => file.datetimeStored !== null], ['deleteFiles', (file) => file.datetimeRemoved !== null]]) {
  suite.success(name, 'in the order of their upload, with what is wrong', async () => {
    const [older, newer] = [await note({ store: false }), await note({ store: false })];
    const answer = await sdk[name]({ uuids: [newer, older, '4j334o01-8bs3', NOBODY] }, open);
    assert.equal(answer.status, sdk.BatchResponseStatus.OK);
    assert.deepEqual(answer.result.map((file) => file.uuid), [older, newer]);
    assert.ok(answer.result.every(isDone));
    assert.deepEqual(answer.problems, { '4j334o01-8bs3': 'Invalid', [NOBODY]: 'Missing in the project' });
  });
  suite.error(name, 'none', () => refused(() => sdk[name]({ uuids: [] }, open), 400, 'List of UUIDs can not be empty'));
  suite.error(name, 'no list', () => refused(() => sdk[name]({ uuids: {} }, open), 400, 'Expected list of UUIDs'));
  suite.error(name, 'too many', () =>
    refused(() => sdk[name]({ uuids: Array(101).fill(NOBODY) }, open), 400, 'Maximum UUIDs per request is exceeded. The limit is 100'));
}

suite.success('listOfFiles', 'in both orders, in pages', async () => {
  for (let at = 0; at < 3; at += 1) await note();
  const up = await sdk.listOfFiles({ limit: 2, ordering: 'datetime_uploaded' }, open);
  assert.deepEqual([up.perPage, up.results.length, up.previous], [2, 2, null]);
  assert.ok(up.results[0].datetimeUploaded < up.results[1].datetimeUploaded);
  assert.ok(up.total >= 3 && up.totals.stored + up.totals.unstored >= 3 && up.totals.removed >= 0);
  assert.ok(up.next.startsWith(`${rest.open}/files/?`), up.next);
  const down = await sdk.listOfFiles({ limit: 2, ordering: '-datetime_uploaded' }, open);
  assert.ok(down.results[0].datetimeUploaded > down.results[1].datetimeUploaded);
  const before = await sdk.listOfFiles({ from: new Date(down.results[0].datetimeUploaded), ordering: '-datetime_uploaded' }, open);
  assert.ok(before.results.every((file) => file.uuid !== down.results[0].uuid));
});
suite.success('listOfFiles', 'only what is stored, and only what is removed', async () => {
  const [kept, loose, gone] = [await note({ store: true }), await note({ store: false }), await note()];
  await sdk.deleteFile({ uuid: gone }, open);
  const list = async (options) => (await sdk.listOfFiles({ ordering: '-datetime_uploaded', ...options }, open)).results.map((file) => file.uuid);
  const [stored, unstored, removed] = [await list({ stored: true }), await list({ stored: false }), await list({ removed: true })];
  assert.deepEqual([stored.includes(kept), stored.includes(loose)], [true, false]);
  assert.deepEqual([unstored.includes(loose), unstored.includes(kept)], [true, false]);
  assert.deepEqual([removed.includes(gone), removed.includes(kept)], [true, false]);
});
suite.error('listOfFiles', 'too many', () => refused(() => sdk.listOfFiles({ limit: 1001 }, open), 400));
suite.error('listOfFiles', 'an order that is none', () => refused(() => sdk.listOfFiles({ ordering: 'size' }, open), 400));
suite.error('listOfFiles', 'from no time', () => refused(() => sdk.listOfFiles({ from: 'invalid-date' }, open), 400));
suite.success('listOfFiles', 'waits as long as a throttled answer says, and goes on', () =>
  withFault(standins.open, { operation: 'files.list', count: 1, effect: { status: 429, retry_after: 1 } }, async () => {
    const start = Date.now();
    await sdk.listOfFiles({ limit: 1 }, open);
    assert.ok(Date.now() - start >= 1000);
  }));
suite.error('listOfFiles', 'throttled for good', () =>
  withFault(standins.open, { operation: 'files.list', effect: { status: 429, retry_after: 10 } }, () =>
    refused(() => sdk.listOfFiles({}, { ...open, retryThrottledRequestMaxTimes: 0 }), 429,
      'Request was throttled. Expected available in 10 seconds.')));

const paginated = (call) => {
  suite.success(call.of, 'goes through every file once', async () => {
    for (let at = 0; at < 5; at += 1) await note();
    const seen = [];
    for await (const page of call({ limit: 2 }, open)) seen.push(...page.results.map((file) => file.uuid));
    const { total } = await sdk.listOfFiles({ limit: 1 }, open);
    assert.equal(new Set(seen).size, seen.length);
    assert.equal(seen.length, total);
  });
  suite.error(call.of, 'passes a refusal on', () => refused(() => call({ limit: 0 }, open).next(), 400));
};
paginated(Object.assign((options, settings) => sdk.paginate(sdk.listOfFiles)(options, settings), { of: 'paginate' }));
paginated(Object.assign((options, settings) => new sdk.Paginator(sdk.listOfFiles, options, settings).generator(), { of: 'Paginator.generator' }));
const paginator = (options) => new sdk.Paginator(sdk.listOfFiles, options, open);
suite.success('Paginator', 'starts before the first page', () => {
  const pages = paginator({});
  assert.deepEqual([pages.hasNextPage(), pages.hasPrevPage(), pages.getCurrentPage()], [true, false, null]);
});
suite.success('Paginator.next', 'turns the pages over to the last', async () => {
  await Promise.all([note(), note(), note()]);
  const pages = paginator({ limit: 2 });
  while (pages.hasNextPage()) assert.ok((await pages.next()).results.length > 0);
  assert.equal(await pages.next(), null);
});
suite.error('Paginator.next', 'passes a refusal on', () => refused(() => paginator({ limit: 0 }).next(), 400));
suite.success('Paginator.prev', 'comes back to the first', async () => {
  await Promise.all([note(), note(), note()]);
  // The client forgets `to` of the address and so gets the first page, whichever it was on.
  const pages = paginator({ limit: 2 });
  const first = await pages.next();
  assert.equal(await pages.prev(), null);
  await pages.next();
  assert.ok(pages.hasPrevPage());
  assert.deepEqual((await pages.prev()).results, first.results);
});
suite.error('Paginator.prev', 'passes a refusal on', async () => {
  const pages = paginator({ limit: 2 });
  await pages.next();
  await pages.next();
  await withFault(standins.open, { operation: 'files.list', effect: { status: 429, retry_after: 1 } }, () => {
    pages._settings = { ...open, retryThrottledRequestMaxTimes: 0 };
    return refused(() => pages.prev(), 429);
  });
});
suite.success('Paginator.hasNextPage', 'knows the last', async () => {
  const pages = paginator({ limit: 1000 });
  await pages.next();
  assert.equal(pages.hasNextPage(), false);
});
suite.success('Paginator.hasPrevPage', 'knows the first', async () => {
  const pages = paginator({ limit: 1 });
  await pages.next();
  assert.equal(pages.hasPrevPage(), false);
  await pages.next();
  assert.equal(pages.hasPrevPage(), true);
});
suite.success('Paginator.getCurrentPage', 'is the last one read', async () => {
  const pages = paginator({ limit: 1 });
  assert.equal(await pages.next(), pages.getCurrentPage());
});
suite.success('Paginator.updateOptions', 'starts over', async () => {
  const pages = paginator({ limit: 1 });
  await pages.next();
  pages.updateOptions({ limit: 2 });
  assert.equal((await pages.next()).perPage, 2);
});
suite.error('Paginator.updateOptions', 'with wrong ones', async () => {
  const pages = paginator({ limit: 1 });
  pages.updateOptions({ limit: 5000 });
  await refused(() => pages.next(), 400);
});

suite.success('copyFileToLocalStorage', 'is provisional at first and whole later', async () => {
  const source = await photo();
  const { type, result } = await sdk.copyFileToLocalStorage({ source, store: true, metadata: { pet: 'cat' } }, open);
  assert.equal(type, 'file');
  assert.notEqual(result.uuid, source);
  assert.deepEqual([result.size, result.isImage, result.isReady, result.contentInfo], [0, null, true, null]);
  assert.equal(result.datetimeStored, result.datetimeUploaded);
  const later = await until(async () => {
    const file = await sdk.fileInfo({ uuid: result.uuid }, open);
    return file.size > 0 && file;
  }, 'whole copy');
  assert.deepEqual([later.size, later.isImage, later.metadata], [sample('photo.jpg').length, true, { pet: 'cat' }]);
});
suite.error('copyFileToLocalStorage', 'of nothing', () =>
  refused(() => sdk.copyFileToLocalStorage({ source: 'x' }, open), 400, 'Bad `source` parameter. Use UUID or CDN URL.'));
suite.error('copyFileToLocalStorage', 'nobody has the file', () => missing(() => sdk.copyFileToLocalStorage({ source: NOBODY }, open)));
suite.error('copyFileToLocalStorage', 'without a source', () =>
  refused(() => sdk.copyFileToLocalStorage({}, open), 400, '`source` parameter is required.'));

suite.success('copyFileToRemoteStorage', 'makes an object, once', async () => {
  const source = await photo();
  const options = { source, target: 'archive', makePublic: false, pattern: '${uuid}/${auto_filename}' };
  const { type, result } = await sdk.copyFileToRemoteStorage(options, open);
  assert.equal(type, 'url');
  assert.ok(result.endsWith(`/${source}/photo.jpg`), result);
  assert.deepEqual(await sdk.copyFileToRemoteStorage(options, open), { type, result });
});
suite.error('copyFileToRemoteStorage', 'to nowhere', async () =>
  refused(async () => sdk.copyFileToRemoteStorage({ source: await note(), target: 'nowhere' }, open), 400,
    'Project has no storage with provided name.'));

suite.success('searchFiles', 'by words, tags and metadata', async () => {
  const word = `sunset${randomUUID().slice(0, 4)}`;
  const uuids = [];
  for (let at = 0; at < 3; at += 1) {
    uuids.push(await note({ fileName: `${word}-beach.txt`, tags: ['cat', `n${at}`], metadata: { album: 'summer' } }));
  }
  const search = (options) => sdk.searchFiles({ sort: [{ field: 'datetimeUploaded' }], ...options }, open);
  const page = await until(async () => {
    const page = await search({ query: word, tags: { all: ['cat'] }, limit: 2 });
    return page.total === 3 && page;
  }, 'three files found', 20_000);
  assert.deepEqual(page.results.map((file) => file.uuid), uuids.slice(0, 2));
  assert.ok(page.next.endsWith('/files/search/?limit=2&offset=2'), page.next);
  assert.deepEqual([page.previous, page.perPage], [null, 2]);
  assert.match(page.results[0].highlight.originalFilename[0], /<em>/);
  const rest = await search({ query: word, limit: 2, offset: 2 });
  assert.deepEqual(rest.results.map((file) => file.uuid), uuids.slice(2));
  const exact = await search({ exact: { uuid: [uuids[1]], metadata: { album: ['summer'] } }, include: 'appdata' });
  assert.deepEqual(exact.results.map((file) => [file.uuid, file.appdata]), [[uuids[1], {}]]);
  const none = await search({ query: word, tags: { none: ['n0', 'n1', 'n2'] } });
  assert.deepEqual(none.results, []);
  const ranged = await search({ size: { gte: 1 }, isImage: false, datetimeUploaded: { gt: new Date(0) }, phrase: { originalFilename: word } });
  assert.equal(ranged.total, 3);
});
suite.success('searchFiles', 'with one sort key after the other', async () => {
  const sort = [{ field: 'size', order: 'desc' }, { field: 'originalFilename', order: 'asc' }];
  const sizes = (await sdk.searchFiles({ size: { gte: 0 }, sort, limit: 100 }, open)).results.map((file) => file.size);
  assert.deepEqual(sizes, [...sizes].sort((a, b) => b - a));
});
suite.error('searchFiles', 'without a condition', () => refused(() => sdk.searchFiles({}, open), 400));
suite.error('searchFiles', 'three letters', async () => {
  const error = await refused(() => sdk.searchFiles({ query: 'abc' }, open), 400);
  assert.ok(sdk.isRestClientValidationError(error), error.message);
  assert.deepEqual(error.errors, { query: ['Must be at least 4 characters.'] });
});
suite.error('searchFiles', 'a size that is no range', async () => {
  const error = await refused(() => sdk.searchFiles({ size: 5 }, open), 400);
  assert.ok(error instanceof sdk.RestClientValidationError && 'size' in error.errors, error.message);
});
suite.error('searchFiles', 'too deep', () => refused(() => sdk.searchFiles({ size: { gte: 0 }, offset: 990, limit: 20 }, open), 400));

// Metadata.
suite.success('updateMetadata', 'sets and replaces', async () => {
  const uuid = await note();
  assert.equal(await sdk.updateMetadata({ uuid, key: '-:45az_', value: 'any string' }, open), 'any string');
  assert.equal(await sdk.updateMetadata({ uuid, key: '-:45az_', value: 'другая' }, open), 'другая');
  assert.deepEqual(await sdk.getMetadata({ uuid }, open), { '-:45az_': 'другая' });
});
suite.error('updateMetadata', 'a key too long', async () =>
  refused(async () => sdk.updateMetadata({ uuid: await note(), key: 'k'.repeat(65), value: 'x' }, open), 400));
suite.error('updateMetadata', 'a value too long', async () =>
  refused(async () => sdk.updateMetadata({ uuid: await note(), key: 'k', value: 'x'.repeat(513) }, open), 400));
suite.error('updateMetadata', 'no string', async () =>
  refused(async () => sdk.updateMetadata({ uuid: await note(), key: 'k', value: 5 }, open), 400));
suite.error('updateMetadata', 'nobody has the file', () => missing(() => sdk.updateMetadata({ uuid: NOBODY, key: 'k', value: 'v' }, open)));
suite.success('getMetadata', 'is a map, keys as they were', async () => {
  assert.deepEqual(await sdk.getMetadata({ uuid: await note({ metadata: { some_key: 'a', other: 'b' } }) }, open), { some_key: 'a', other: 'b' });
  assert.deepEqual(await sdk.getMetadata({ uuid: await note() }, open), {});
});
suite.error('getMetadata', 'nobody has the file', () => missing(() => sdk.getMetadata({ uuid: NOBODY }, open)));
suite.success('getMetadataValue', 'is a string', async () => {
  assert.equal(await sdk.getMetadataValue({ uuid: await note({ metadata: { pet: 'cat' } }), key: 'pet' }, open), 'cat');
});
suite.error('getMetadataValue', 'no such key', async () => missing(async () => sdk.getMetadataValue({ uuid: await note(), key: 'pet' }, open)));
suite.success('deleteMetadata', 'and it is gone', async () => {
  const uuid = await note({ metadata: { pet: 'cat' } });
  assert.equal(await sdk.deleteMetadata({ uuid, key: 'pet' }, open), undefined);
  await missing(() => sdk.getMetadataValue({ uuid, key: 'pet' }, open));
});
suite.error('deleteMetadata', 'nobody has the file', () => missing(() => sdk.deleteMetadata({ uuid: NOBODY, key: 'pet' }, open)));

// Tags.
suite.success('getTags', 'in their order', async () => {
  assert.deepEqual(await sdk.getTags({ uuid: await note({ tags: ['cat', 'animal'] }) }, open), { tags: ['cat', 'animal'] });
});
suite.error('getTags', 'nobody has the file', () => missing(() => sdk.getTags({ uuid: NOBODY }, open)));
suite.error('getTags', 'of a removed file', async () => {
  const uuid = await note();
  await sdk.deleteFile({ uuid }, open);
  await refused(() => sdk.getTags({ uuid }, open), 404);
});
suite.success('replaceTags', 'made alike, with what changed', async () => {
  const uuid = await note();
  assert.deepEqual(await sdk.replaceTags({ uuid, tags: [' Cat ', 'CAT', 'dog', ''] }, open), { tags: ['cat', 'dog'], added: ['cat', 'dog'], deleted: [] });
  assert.deepEqual(await sdk.replaceTags({ uuid, tags: ['dog', 'cat'] }, open), { tags: ['cat', 'dog'], added: [], deleted: [] });
  assert.deepEqual(await sdk.replaceTags({ uuid, tags: [] }, open), { tags: [], added: [], deleted: ['cat', 'dog'] });
});
suite.error('replaceTags', '51 of them', async () => {
  const tags = Array.from({ length: 51 }, (_, at) => `t${at}`);
  const error = await refused(async () => sdk.replaceTags({ uuid: await note(), tags }, open), 400);
  assert.deepEqual(error.errors, { tags: ['Too many tags: 51 (max 50).'] });
});
suite.error('replaceTags', 'a space inside', async () => refused(async () => sdk.replaceTags({ uuid: await note(), tags: ['a b'] }, open), 400));
suite.success('updateTags', 'takes first and adds then', async () => {
  const uuid = await note({ tags: ['cat', 'animal', 'cute'] });
  assert.deepEqual(await sdk.updateTags({ uuid, add: ['dog'], delete: ['animal'] }, open), { tags: ['cat', 'cute', 'dog'], added: ['dog'], deleted: ['animal'] });
  assert.deepEqual(await sdk.updateTags({ uuid }, open), { tags: ['cat', 'cute', 'dog'], added: [], deleted: [] });
});
suite.error('updateTags', 'nobody has the file', () => missing(() => sdk.updateTags({ uuid: NOBODY, add: ['x'] }, open)));
suite.error('updateTags', 'a word for a list', async () => refused(async () => sdk.updateTags({ uuid: await note(), add: 'dog' }, open), 400));

// Groups.
suite.success('groupInfo', 'with its files', async () => {
  const [one, two] = [await note(), await photo()];
  const id = await grouped(one, `${two}/-/resize/x800/`);
  const group = await sdk.groupInfo({ uuid: id }, open);
  assert.deepEqual([group.id, group.filesCount, group.url], [id, 2, `${rest.open}/groups/${id}/`]);
  assert.match(group.datetimeCreated, ISO);
  assert.ok(group.cdnUrl.endsWith(`/${id}/`));
  assert.deepEqual(group.files.map((file) => [file.uuid, file.defaultEffects]), [[one, ''], [two, 'resize/x800/']]);
  isFile(group.files[0], one);
});
suite.success('groupInfo', 'keeps a removed file', async () => {
  const uuid = await note();
  const id = await grouped(uuid, await note());
  await sdk.deleteFile({ uuid }, open);
  const group = await sdk.groupInfo({ uuid: id }, open);
  assert.equal(group.filesCount, 2);
  assert.match(group.files[0].datetimeRemoved, ISO);
});
for (const [title, id] of [['nobody has the group', `${NOBODY}~2`], ['no count', NOBODY], ['no id', 'nonexistent']]) {
  suite.error('groupInfo', title, () => missing(() => sdk.groupInfo({ uuid: id }, open)));
}
suite.success('listOfGroups', 'in pages', async () => {
  for (let at = 0; at < 3; at += 1) await grouped(await note());
  const page = await sdk.listOfGroups({ limit: 2, ordering: '-datetime_created' }, open);
  assert.deepEqual([page.perPage, page.results.length, page.previous], [2, 2, null]);
  assert.ok(page.total >= 3 && page.next.startsWith(`${rest.open}/groups/?`));
  assert.ok(page.results[0].datetimeCreated > page.results[1].datetimeCreated);
  assert.ok(!('files' in page.results[0]));
  const seen = [];
  for await (const { results } of sdk.paginate(sdk.listOfGroups)({ limit: 2 }, open)) seen.push(...results.map((group) => group.id));
  assert.equal(new Set(seen).size, page.total);
});
suite.error('listOfGroups', 'an order that is none', () => refused(() => sdk.listOfGroups({ ordering: 'datetime_uploaded' }, open), 400));
suite.success('deleteGroup', 'and its files stay', async () => {
  const uuid = await note();
  const id = await grouped(uuid);
  assert.equal(await sdk.deleteGroup({ uuid: id }, open), undefined);
  await missing(() => sdk.groupInfo({ uuid: id }, open));
  assert.equal((await sdk.fileInfo({ uuid }, open)).datetimeRemoved, null);
});
suite.error('deleteGroup', 'nobody has the group', () => missing(() => sdk.deleteGroup({ uuid: `${NOBODY}~2` }, open)));

// Webhooks.
const event = sdk.WebhookEvent.FILE_UPLOADED;
const target = () => `${neighbour.base}/${randomUUID()}`;
suite.success('createWebhook', 'with a secret, and it is delivered to', async () => {
  const targetUrl = target();
  const secret = 'not to be told';
  const hook = await sdk.createWebhook({ targetUrl, event, isActive: true, signingSecret: secret }, open);
  assert.deepEqual([hook.targetUrl, hook.event, hook.isActive, hook.signingSecret, hook.version], [targetUrl, event, true, secret, '0.7']);
  assert.match(hook.created, ISO);
  assert.equal(typeof hook.id, 'number');
  const uuid = await note();
  const arrived = await until(() => neighbour.delivered.find(({ path, body }) => targetUrl.endsWith(path) && body.includes(uuid)), 'webhook');
  const signature = createHmac('sha256', secret).update(arrived.body).digest('hex');
  assert.equal(arrived.headers['x-uc-signature'], `v1=${signature}`);
  const body = JSON.parse(arrived.body);
  assert.deepEqual([body.hook.event, body.hook.id, body.data.uuid, body.initiator.type], [event, hook.id, uuid, 'api']);
  assert.ok(!arrived.body.includes(secret));
  await sdk.deleteWebhook({ targetUrl }, open);
});
suite.error('createWebhook', 'the same again', async () => {
  const targetUrl = target();
  await sdk.createWebhook({ targetUrl, event }, open);
  const error = await refused(() => sdk.createWebhook({ targetUrl, event }, open), 400);
  assert.deepEqual(error.errors, { nonFieldErrors: ['This project is already subscribed on this event'] });
});
suite.error('createWebhook', 'without a target', () => refused(() => sdk.createWebhook({ event }, open), 400, '`target_url` is missing.'));
suite.error('createWebhook', 'to this machine where that is forbidden', () => refused(() => sdk.createWebhook({ targetUrl: target(), event }, strict), 400));
suite.success('listOfWebhooks', 'is a list', async () => {
  const targetUrl = target();
  const { id } = await sdk.createWebhook({ targetUrl, event, isActive: false }, open);
  assert.deepEqual((await sdk.listOfWebhooks({}, open)).filter((hook) => hook.targetUrl === targetUrl).map((hook) => [hook.id, hook.isActive]), [[id, false]]);
});
suite.error('listOfWebhooks', 'another secret', () =>
  refused(() => sdk.listOfWebhooks({}, at(rest.open, new sdk.UploadcareAuthSchema({ publicKey, secretKey: 'x' }))), 401));
suite.success('updateWebhook', 'changes what is given', async () => {
  const targetUrl = target();
  const hook = await sdk.createWebhook({ targetUrl, event, signingSecret: 'one' }, open);
  const changed = await sdk.updateWebhook({ id: hook.id, isActive: false }, open);
  assert.deepEqual({ ...changed, updated: null }, { ...hook, isActive: false, updated: null });
});
suite.error('updateWebhook', 'nobody has the webhook', () => missing(() => sdk.updateWebhook({ id: 999_999_999, isActive: false }, open)));
suite.success('deleteWebhook', 'by its target, and once more', async () => {
  const targetUrl = target();
  await sdk.createWebhook({ targetUrl, event }, open);
  await sdk.createWebhook({ targetUrl, event: 'file.stored' }, open);
  assert.equal(await sdk.deleteWebhook({ targetUrl }, open), undefined);
  assert.deepEqual((await sdk.listOfWebhooks({}, open)).filter((hook) => hook.targetUrl === targetUrl), []);
  assert.equal(await sdk.deleteWebhook({ targetUrl }, open), undefined);
});
suite.error('deleteWebhook', 'without a target', () => refused(() => sdk.deleteWebhook({}, open), 400));

// Conversion.
const convertDocument = (paths, more = {}) => sdk.convert({ type: sdk.ConversionType.DOCUMENT, paths, ...more }, open);
suite.success('convert', 'a document, with what is wrong', async () => {
  const path = `${await pdf()}/document/-/format/jpg/-/page/1/`;
  const { result, problems } = await convertDocument([path, 'invalid'], { store: true });
  assert.equal(result.length, 1);
  assert.equal(result[0].originalSource, path);
  assert.match(result[0].uuid, /^[0-9a-f-]{36}$/);
  assert.ok(Number.isInteger(result[0].token));
  assert.deepEqual(problems, { invalid: 'Bad path "invalid". Use UUID or CDN URL' });
});
suite.success('convert', 'a video, with thumbnails', async () => {
  const path = `${await film()}/video/-/format/webm/-/thumbs~2/`;
  const { result, problems } = await sdk.convert({ type: sdk.ConversionType.VIDEO, paths: [path] }, open);
  assert.deepEqual(problems, {});
  assert.equal(result[0].originalSource, path);
  assert.match(result[0].thumbnailsGroupUuid, /~2$/);
});
suite.error('convert', 'nothing', () => refused(() => convertDocument([]), 400, '“paths” parameter is required.'));
suite.error('convert', 'an operation that is none', async () => {
  const path = `${await film()}/video/-/size/x/change_ratio/`;
  const { problems, result } = await sdk.convert({ type: sdk.ConversionType.VIDEO, paths: [path] }, open);
  assert.deepEqual(result, []);
  assert.match(problems[path], /^CDN Path error: /);
});
suite.success('conversionInfo', 'knows what can be made', async () => {
  const uuid = await pdf();
  const info = await sdk.conversionInfo({ uuid }, open);
  assert.deepEqual([info.error, info.format.name], [null, 'pdf']);
  assert.ok(info.format.conversionFormats.some(({ name }) => name === 'jpg'));
  const jobs = await sdk.conversionJobPoller({ type: 'document', paths: [`${uuid}/document/-/format/jpg/`], saveInGroup: true, ...poll }, open);
  assert.equal((await jobs[0]).status, 'finished');
  assert.match((await sdk.conversionInfo({ uuid }, open)).format.convertedGroups.jpg, /~3$/);
});
suite.error('conversionInfo', 'nobody has the file', () => missing(() => sdk.conversionInfo({ uuid: NOBODY }, open)));
suite.success('conversionJobStatus', 'of a document', async () => {
  const { result: [{ token, uuid }] } = await convertDocument([`${await pdf()}/document/-/format/png/-/page/1/`]);
  const status = await until(async () => {
    const status = await sdk.conversionJobStatus({ type: 'document', token }, open);
    return !['pending', 'processing'].includes(status.status) && status;
  }, 'end of the conversion');
  assert.deepEqual([status.status, status.error, status.result.uuid], [sdk.ConversionStatus.FINISHED, null, uuid]);
});
suite.success('conversionJobStatus', 'of a video', async () => {
  const { result: [{ token, thumbnailsGroupUuid }] } = await sdk.convert({ type: 'video', paths: [`${await film()}/video/`] }, open);
  assert.equal((await sdk.conversionJobStatus({ type: 'video', token }, open)).result.thumbnailsGroupUuid, thumbnailsGroupUuid);
});
suite.error('conversionJobStatus', 'nobody has the token', () => missing(() => sdk.conversionJobStatus({ type: 'video', token: 1 }, open)));
suite.success('conversionJobPoller', 'waits for each, also where it takes time', async () => {
  const uuid = await send(standins.slow, sample('film.mp4'), { fileName: 'film.mp4', contentType: 'video/mp4' });
  await isReadyPoll(uuid, { publicKey, baseURL: standins.slow });
  const seen = new Set();
  const options = { type: sdk.ConversionType.VIDEO, paths: [`${uuid}/video/-/format/mp4/`], onStatus: ({ status }) => seen.add(status), ...poll };
  const [job] = await sdk.conversionJobPoller(options, slow);
  const end = await job;
  assert.deepEqual([end.status, end.error], ['finished', null]);
  assert.ok(seen.has('pending') || seen.has('processing'), [...seen].join());
  assert.equal((await sdk.fileInfo({ uuid: end.result.uuid }, slow)).isReady, true);
});
suite.error('conversionJobPoller', 'a path that is none', async () => {
  const [job] = await sdk.conversionJobPoller({ type: 'document', paths: ['invalid'], ...poll }, open);
  const end = await job;
  assert.deepEqual([end.status, end.error], ['failed', 'Bad path "invalid". Use UUID or CDN URL']);
});

// Add-ons.
const ran = (addonName, target, params) => sdk.addonJobPoller({ addonName, target, params, ...poll }, open);
suite.success('executeAddon', 'begins', async () => {
  const { requestId } = await sdk.executeAddon({ addonName: sdk.AddonName.UC_CLAMAV_VIRUS_SCAN, target: await note() }, open);
  assert.match(requestId, /^[0-9a-f-]{36}$/);
});
suite.error('executeAddon', 'no UUID', async () => {
  const error = await refused(() => sdk.executeAddon({ addonName: 'remove_bg', target: 'nonexistent' }, open), 400);
  assert.deepEqual(error.errors, { target: ['Must be a valid UUID.'] });
});
suite.error('executeAddon', 'nobody has the file', () => missing(() => sdk.executeAddon({ addonName: 'uc_clamav_virus_scan', target: NOBODY }, open)));
suite.error('executeAddon', 'twice at once', async () => {
  const target = await photo(standins.slow);
  await sdk.executeAddon({ addonName: 'uc_clamav_virus_scan', target }, slow);
  await refused(() => sdk.executeAddon({ addonName: 'uc_clamav_virus_scan', target }, slow), 409, 'Concurrent call attempted');
});
suite.success('addonExecutionStatus', 'of nobody', async () => {
  assert.deepEqual(await sdk.addonExecutionStatus({ addonName: 'remove_bg', requestId: randomUUID() }, open), { status: sdk.AddonExecutionStatus.UNKNOWN });
});
for (const addonName of Object.values(sdk.AddonName)) {
  suite.success('addonExecutionStatus', `of ${addonName}`, async () => {
    const { requestId } = await sdk.executeAddon({ addonName, target: await photo() }, open);
    const status = await until(async () => {
      const status = await sdk.addonExecutionStatus({ addonName, requestId }, open);
      return status.status !== 'in_progress' && status;
    }, 'end of the add-on');
    assert.equal(status.status, 'done');
    if (addonName === 'remove_bg') assert.ok((await sdk.fileInfo({ uuid: status.result.fileId }, open)).isReady);
  });
}
suite.error('addonExecutionStatus', 'no UUID', async () => {
  const error = await refused(() => sdk.addonExecutionStatus({ addonName: 'remove_bg', requestId: 'nonexistent' }, open), 400);
  assert.deepEqual(error.errors, { requestId: ['Must be a valid UUID.'] });
});
suite.success('addonJobPoller', 'finds a virus', async () => {
  const target = await send(standins.open, sample('eicar.com'), { fileName: 'eicar.com' });
  const { error, result } = await ran('uc_clamav_virus_scan', target);
  assert.deepEqual([error, result.data.infected], [false, true]);
  assert.match(result.data.infected_with, /eicar/i);
  assert.match(result.datetime_created, ISO);
});
suite.success('addonJobPoller', 'finds none', async () => {
  assert.equal((await ran('uc_clamav_virus_scan', await note())).result.data.infected, false);
});
suite.success('addonJobPoller', 'names what is in the image', async () => {
  const target = await photo();
  assert.ok(Array.isArray((await ran('aws_rekognition_detect_labels', target)).result.data.Labels));
  assert.ok(Array.isArray((await ran('aws_rekognition_detect_moderation_labels', target)).result.data.ModerationLabels));
});
suite.error('addonJobPoller', 'no UUID', () => refused(() => ran('remove_bg', 'nonexistent'), 400));

// Through a signer: an agent that may read files and nothing else.
if (agents) {
  const reader = at(rest.open, new sdk.UploadcareSimpleAuthSchema({ publicKey, secretKey: agents.reader }));
  suite.success('listOfFiles', 'as an agent that may read', async () => {
    assert.ok((await sdk.listOfFiles({ limit: 1 }, reader)).results);
  });
  const target = { addonName: 'remove_bg', target: NOBODY };
  for (const [name, missing, options] of [
    ['storeFile', 'write access', { uuid: NOBODY }],
    ['deleteFile', 'full access', { uuid: NOBODY }],
    ['storeFiles', 'write access', { uuids: [NOBODY] }],
    ['deleteFiles', 'full access', { uuids: [NOBODY] }],
    ['copyFileToLocalStorage', 'write access', { source: NOBODY }],
    ['copyFileToRemoteStorage', 'full access', { source: NOBODY, target: 'archive' }],
    ['getMetadata', 'read access', { uuid: NOBODY }],
    ['updateMetadata', 'write access', { uuid: NOBODY, key: 'pet', value: 'cat' }],
    ['listOfGroups', 'read access', {}],
    ['deleteGroup', 'full access', { uuid: `${NOBODY}~1` }],
    ['listOfWebhooks', 'read access', {}],
    ['createWebhook', 'full access', { targetUrl: 'https://hooks.example.com/', event }],
    ['convert', 'write access', { type: 'document', paths: [`${NOBODY}/document/`] }],
    ['executeAddon', 'write access', target],
  ]) {
    suite.error(name, 'not granted', () => refused(() => sdk[name](options, reader), 403, new RegExp(`You may not .* this needs ${missing}\\.$`)));
  }
}

// What never leaves the process.
const same = (name, expected) => suite.success(name, 'are the words of the service', () => assert.deepEqual(Object.values(sdk[name]), expected));
same('AddonExecutionStatus', ['in_progress', 'error', 'done', 'unknown']);
same('AddonName', ['uc_clamav_virus_scan', 'aws_rekognition_detect_labels', 'aws_rekognition_detect_moderation_labels', 'remove_bg']);
same('BatchResponseStatus', ['ok']);
same('ConversionStatus', ['pending', 'processing', 'finished', 'failed', 'cancelled']);
same('ConversionType', ['video', 'document']);
same('WebhookEvent', ['file.uploaded']);
suite.success('isRestClientError', 'tells them from others', async () => {
  const error = await sdk.fileInfo({ uuid: NOBODY }, open).catch((error) => error);
  assert.deepEqual([sdk.isRestClientError(error), sdk.isRestClientError(new Error())], [true, false]);
});
suite.success('isRestClientValidationError', 'tells them from others', async () => {
  const error = await sdk.searchFiles({ query: 'abc' }, open).catch((error) => error);
  assert.deepEqual([sdk.isRestClientValidationError(error), sdk.isRestClientValidationError(new sdk.RestClientError())], [true, false]);
});
suite.success('RestClientError', 'carries what was asked and answered', async () => {
  const error = await sdk.fileInfo({ uuid: NOBODY }, open).catch((error) => error);
  assert.deepEqual([error.status, error.request.url], [404, `${rest.open}/files/${NOBODY}/`]);
  assert.equal(error.message, '[404 Not Found] Not found.');
});
suite.success('RestClientValidationError', 'carries the fields', () => {
  const error = new sdk.RestClientValidationError({ query: ['x'] });
  assert.ok(error instanceof sdk.UploadcareError && error.message.includes('query: x'));
});
suite.success('UploadcareError', 'is above all of them', () => assert.ok(new sdk.RestClientError() instanceof sdk.UploadcareError));
suite.success('CancelError', 'ends a wait', () => assert.ok(new sdk.CancelError().isCancel));
suite.cannotFail(
  ['AddonExecutionStatus', 'AddonName', 'BatchResponseStatus', 'ConversionStatus', 'ConversionType', 'WebhookEvent'],
  'is a list of words',
);
suite.cannotFail(
  ['getUserAgent', 'createSignature', 'isRestClientError', 'isRestClientValidationError', 'Paginator', 'Paginator.hasNextPage', 'Paginator.hasPrevPage', 'Paginator.getCurrentPage'],
  'asks nobody',
);
suite.cannotFail(['RestClientError', 'RestClientValidationError', 'UploadcareError', 'CancelError'], 'is an error itself');

await suite.run();
