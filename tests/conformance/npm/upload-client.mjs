// @uploadcare/upload-client, every public function, in Node.
import assert from 'node:assert/strict';
import * as sdk from '@uploadcare/upload-client';
import { generateSecureSignature } from '@uploadcare/signed-uploads';
import { NOBODY, Suite, functionsOf, publicKey, sample, secretKey, standins, versionOf, withFault } from './harness.mjs';
import { Neighbour } from './neighbour.mjs';

const NAME = '@uploadcare/upload-client';
const suite = new Suite({ name: NAME, version: versionOf(NAME), functions: functionsOf(NAME, sdk) });
const neighbour = await Neighbour.start();

const at = (base) => ({ publicKey, baseURL: base, baseCDN: base });
const open = at(standins.open);
const signed = at(standins.signed);
const strict = at(standins.strict);
const slow = at(standins.slow);
const nobody = { ...open, publicKey: 'nope' };
const client = new sdk.UploadClient(open);
const pair = () => generateSecureSignature(secretKey, { lifetime: 60_000 });

const MIB = 1024 * 1024;
const text = Buffer.from('a few words');
const large = sample('large.bin');
const stored = async () => (await sdk.base(text, { ...open, fileName: 'notes.txt', contentType: 'text/plain' })).file;

/** `call` is refused with this code, sentence and class. */
async function refused(call, code, sentence) {
  const error = await call().then(
    (value) => assert.fail(`was not refused but answered ${JSON.stringify(value)}`),
    (error) => error,
  );
  assert.ok(error instanceof sdk.UploadError, `${error?.name}: ${error?.message}`);
  assert.deepEqual([error.code, error.message], [code, sentence]);
  assert.equal(error.response.error.errorCode, code);
}
const badKey = (call, parameter = 'pub_key') =>
  refused(call, 'ProjectPublicKeyInvalidError', `${parameter} is invalid.`);
async function cancelled(call) {
  const controller = new AbortController();
  const running = call(controller.signal);
  controller.abort();
  await assert.rejects(running, (error) => error instanceof sdk.CancelError && error.isCancel);
}
const cdnBytes = async (url) => Buffer.from(await (await fetch(url)).arrayBuffer());

// What the low-level calls and the client's methods of the same name share.
const low = {
  base: (call) => {
    suite.success(call.of, 'uploads, with progress, metadata and tags', async () => {
      let progress = 0;
      const { file } = await call(text, {
        ...open,
        fileName: 'Im Grünen.txt',
        contentType: 'text/plain',
        store: true,
        metadata: { pet: 'cat' },
        tags: ['Cat', 'dog'],
        onProgress: ({ value }) => (progress = value),
      });
      const info = await sdk.info(file, open);
      assert.equal(progress, 1);
      assert.equal(info.originalFilename, 'Im Grünen.txt');
      assert.equal(info.filename, 'ImGrnen.txt');
      assert.equal(info.mimeType, 'text/plain');
      assert.equal(info.isStored, true);
      assert.equal(info.size, text.length);
      assert.deepEqual(info.metadata, { pet: 'cat' });
      assert.deepEqual(await cdnBytes(`${standins.open}/${file}/`), text);
    });
    suite.error(call.of, 'an unknown public key', () => badKey(() => call(text, nobody), 'UPLOADCARE_PUB_KEY'));
  },
  info: (call) => {
    suite.success(call.of, 'tells an image from a text', async () => {
      const { file } = await sdk.base(sample('photo.jpg'), { ...open, fileName: 'photo.jpg', contentType: 'image/jpeg' });
      const info = await call(file, open);
      assert.equal(info.uuid, file);
      assert.equal(info.isImage, true);
      assert.equal(info.imageInfo.format, 'JPEG');
      assert.ok(info.imageInfo.width > 0 && info.imageInfo.height > 0);
      assert.deepEqual(info.contentInfo.mime, { mime: 'image/jpeg', type: 'image', subtype: 'jpeg' });
      const words = await call(await stored(), open);
      assert.deepEqual([words.isImage, words.imageInfo, words.videoInfo], [false, null, null]);
      assert.equal(words.contentInfo.mime.mime, 'text/plain');
    });
    suite.error(call.of, 'nobody has the file', () =>
      refused(() => call(NOBODY, open), 'FileNotFoundError', 'File is not found.'));
    suite.error(call.of, 'no UUID', () => refused(() => call('nope', open), 'FileIdInvalidError', 'file_id is invalid.'));
  },
  fromUrl: (call) => {
    suite.success(call.of, 'answers with a token', async () => {
      const answer = await call(`${neighbour.base}/words.txt`, open);
      assert.equal(answer.type, 'token');
      assert.match(answer.token, /^[0-9a-f-]{36}$/);
    });
    suite.success(call.of, 'answers with the file when the URL is known', async () => {
      const url = `${neighbour.base}/known-${call.of}.txt`;
      const options = { ...open, checkForUrlDuplicates: true, saveUrlForRecurrentUploads: true };
      const first = await sdk.uploadFromUrl(url, options);
      const again = await call(url, options);
      assert.deepEqual([again.type, again.uuid, again.isReady], ['file_info', first.uuid, true]);
    });
    for (const [title, url, code, sentence] of [
      ['no scheme', 'nope', 'URLSchemeRequiredError', 'No URL scheme supplied.'],
      ['another scheme', 'ftp://example.com/a.jpg', 'URLSchemeInvalidError', 'Invalid URL scheme.'],
      ['no host', 'http://', 'URLHostRequiredError', 'No URL host supplied.'],
      ['half an address', 'http://[::1', 'URLParsingFailedError', 'Failed to parse URL.'],
    ]) {
      suite.error(call.of, title, () => refused(() => call(url, open), code, sentence));
    }
    suite.error(call.of, 'a private address', () =>
      refused(() => call('http://192.168.1.10/1.jpg', strict), 'URLHostPrivateIPForbiddenError', 'Only public IPs are allowed.'));
  },
  fromUrlStatus: (call) => {
    const ended = async (token) => {
      for (;;) {
        const status = await call(token, open);
        if (!['waiting', 'progress'].includes(status.status)) return status;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    suite.success(call.of, 'ends with the file', async () => {
      const { token } = await sdk.fromUrl(`${neighbour.base}/a/tree.jpg`, open);
      const status = await ended(token);
      assert.equal(status.status, 'success');
      assert.equal(status.originalFilename, 'tree.jpg');
      assert.equal(status.size, sample('photo.jpg').length);
      assert.deepEqual(await ended(token), status);
    });
    suite.success(call.of, 'knows nothing of another token', async () => {
      assert.deepEqual(await call('nope', open), { status: 'unknown' });
    });
    suite.error(call.of, 'the source has no such file', async () => {
      const { token } = await sdk.fromUrl(`${neighbour.base}/gone.jpg`, open);
      assert.deepEqual(await ended(token), {
        status: 'error',
        error: 'HTTP client error: 404.',
        errorCode: 'DownloadFileHTTPClientError',
      });
    });
    suite.error(call.of, 'no token', () =>
      refused(() => call(undefined, open), 'TokenRequiredError', 'token is required.'));
  },
  group: (call) => {
    suite.success(call.of, 'keeps order and effects', async () => {
      const [one, two] = [await stored(), await stored()];
      const group = await call([two, `${one}/-/resize/x800/`], open);
      assert.match(group.id, /^[0-9a-f-]{36}~2$/);
      assert.equal(group.filesCount, 2);
      assert.deepEqual(group.files.map((file) => [file.uuid, file.defaultEffects]), [[two, ''], [one, 'resize/x800/']]);
      assert.equal(group.datetimeStored, null);
    });
    suite.error(call.of, 'no file address', () =>
      refused(() => call(['nope'], open), 'GroupFileURLParsingFailedError', 'This is not valid file url: nope.'));
    suite.error(call.of, 'nobody has the file', () =>
      refused(() => call([NOBODY], open), 'GroupFilesNotFoundError', 'Some files not found.'));
    suite.error(call.of, 'no files', () =>
      refused(() => call([], open), 'GroupFilesInvalidError', 'No files[N] parameters found.'));
  },
  groupInfo: (call) => {
    suite.success(call.of, 'equals what was made', async () => {
      const made = await sdk.group([await stored()], open);
      assert.deepEqual(await call(made.id, open), made);
    });
    suite.error(call.of, 'nobody has the group', () =>
      refused(() => call(`${NOBODY}~1`, open), 'GroupNotFoundError', 'group_id is invalid.'));
  },
  multipartStart: (call) => {
    suite.success(call.of, 'has a URL for every part', async () => {
      const { uuid, parts } = await call(large.length, { ...open, fileName: 'large.bin', contentType: 'application/octet-stream' });
      assert.match(uuid, /^[0-9a-f-]{36}$/);
      assert.equal(parts.length, Math.ceil(large.length / (5 * MIB)));
      const wide = await call(11_000_000, { ...open, multipartChunkSize: 10 * MIB });
      assert.equal(wide.parts.length, 2);
    });
    suite.error(call.of, 'too small', () =>
      refused(() => call(100, open), 'MultipartFileSizeTooSmallError',
        'File size can not be less than 10000000 bytes. Please use direct upload instead of multipart.'));
    suite.error(call.of, 'parts too small', () =>
      refused(() => call(large.length, { ...open, multipartChunkSize: 5 * MIB - 1 }), 'MultipartPartSizeTooSmallError',
        'Multipart Upload Part Size can not be less than 5242880 bytes.'));
  },
  multipartUpload: (call) => {
    suite.success(call.of, 'puts a part', async () => {
      let progress = 0;
      const { parts } = await sdk.multipartStart(large.length, open);
      const onProgress = ({ value }) => (progress = value);
      assert.deepEqual(await call(large.subarray(0, 5 * MIB), parts[0], { publicKey, onProgress }), { code: 200 });
      assert.equal(progress, 1);
    });
    suite.error(call.of, 'nobody started this upload', async () => {
      const { parts } = await sdk.multipartStart(large.length, open);
      const url = parts[0].replace(/uploadId=[^&]*/, 'uploadId=nobody');
      const { code } = await call(text, url, { publicKey });
      assert.ok([403, 404].includes(code), `was ${code}`);
    });
  },
  multipartComplete: (call) => {
    suite.success(call.of, 'ends with the file', async () => {
      const { uuid, parts } = await sdk.multipartStart(large.length, { ...open, fileName: 'large.bin' });
      const slice = (at) => large.subarray(at * 5 * MIB, (at + 1) * 5 * MIB);
      for (const [at, url] of [...parts.entries()].reverse()) await sdk.multipartUpload(slice(at), url, { publicKey });
      const info = await call(uuid, open);
      assert.deepEqual([info.uuid, info.size, info.originalFilename], [uuid, large.length, 'large.bin']);
      assert.deepEqual(await cdnBytes(`${standins.open}/${uuid}/`), large);
      await refused(() => call(uuid, open), 'MultipartFileAlreadyUploadedError', 'File is already uploaded.');
    });
    suite.error(call.of, 'a part is missing', async () => {
      const { uuid } = await sdk.multipartStart(large.length, open);
      await refused(() => call(uuid, open), 'MultipartUploadSizeTooSmallError', 'File size mismatch. Not all parts uploaded?');
    });
    suite.error(call.of, 'no UUID', () => refused(() => call('nope', open), 'UUIDInvalidError', 'uuid is invalid.'));
    suite.error(call.of, 'nobody started it', () =>
      refused(() => call(NOBODY, open), 'MultipartFileNotFoundError', 'File is not found.'));
  },
  isReadyPoll: (call) => {
    suite.success(call.of, 'waits until the file is ready', async () => {
      const { file } = await sdk.base(sample('photo.jpg'), { ...slow, fileName: 'photo.jpg', contentType: 'image/jpeg' });
      assert.equal((await sdk.info(file, slow)).isReady, false);
      assert.equal((await call(file, slow)).isReady, true);
    });
    suite.error(call.of, 'nobody has the file', () =>
      refused(() => call(NOBODY, open), 'FileNotFoundError', 'File is not found.'));
  },
  uploadFile: (call) => {
    suite.success(call.of, 'a small file goes directly', async () => {
      const file = await call(text, { ...open, fileName: 'notes.txt', contentType: 'text/plain', store: false });
      assert.deepEqual([file.name, file.size, file.isStored], ['notes.txt', text.length, false]);
      assert.equal(file.cdnUrl, `${standins.open}/${file.uuid}/`);
    });
    suite.success(call.of, 'a large file goes in parts', async () => {
      const file = await call(large, { ...open, fileName: 'large.bin', multipartMinFileSize: 10_000_000 });
      assert.equal(file.size, large.length);
      assert.deepEqual(await cdnBytes(file.cdnUrl), large);
    });
    suite.success(call.of, 'from a URL', async () => {
      const file = await call(`${neighbour.base}/tree.jpg`, open);
      assert.deepEqual([file.originalFilename, file.isImage], ['tree.jpg', true]);
    });
    suite.success(call.of, 'a file that is there already', async () => {
      const uuid = await stored();
      assert.equal((await call(uuid, open)).uuid, uuid);
    });
    suite.success(call.of, 'with a signature where one is asked for', async () => {
      assert.equal((await call(text, { ...signed, ...pair() })).size, text.length);
      const many = await call(large, { ...signed, ...pair(), multipartMinFileSize: 10_000_000 });
      assert.equal(many.size, large.length);
    });
    suite.error(call.of, 'without a signature where one is asked for', () =>
      refused(() => call(text, signed), 'SignatureRequiredError', '`signature` is required.'));
    suite.error(call.of, 'with an expired signature', () =>
      refused(() => call(text, { ...signed, ...generateSecureSignature(secretKey, { lifetime: -60_000 }) }),
        'SignatureExpirationError', 'Expired signature.'));
    suite.error(call.of, 'with a wrong signature', () =>
      refused(() => call(text, { ...signed, ...generateSecureSignature('wrong', { lifetime: 60_000 }) }),
        'SignatureInvalidError', 'Invalid signature.'));
    suite.error(call.of, 'cancelled', () => cancelled((signal) => call(text, { ...open, signal })));
  },
  uploadFileGroup: (call) => {
    suite.success(call.of, 'of files', async () => {
      const group = await call([text, sample('photo.jpg')], { ...open, store: true });
      assert.equal(group.filesCount, 2);
      assert.equal(group.totalSize, text.length + sample('photo.jpg').length);
      assert.equal(group.cdnUrl, `${standins.open}/${group.uuid}/`);
      assert.ok(group.isImage);
    });
    suite.success(call.of, 'of URLs', async () => {
      const group = await call([`${neighbour.base}/one.txt`, `${neighbour.base}/two.jpg`], open);
      assert.deepEqual(group.files.map((file) => file.originalFilename), ['one.txt', 'two.jpg']);
    });
    suite.success(call.of, 'of what is there already', async () => {
      const uuids = [await stored(), await stored()];
      assert.deepEqual((await call(uuids, open)).files.map((file) => file.uuid), uuids);
    });
    suite.success(call.of, 'with a signature where one is asked for', async () => {
      assert.equal((await call([text, text], { ...signed, ...pair() })).filesCount, 2);
    });
    suite.error(call.of, 'nobody has the file', () =>
      refused(() => call([NOBODY], open), 'GroupFilesNotFoundError', 'Some files not found.'));
    suite.error(call.of, 'without a signature where one is asked for', () =>
      refused(() => call([NOBODY], signed), 'SignatureRequiredError', '`signature` is required.'));
  },
};

const named = (of, call) => Object.assign(call, { of });
for (const [name, cases] of Object.entries(low)) {
  cases(named(name, (...args) => sdk[name](...args)));
  const method = `UploadClient.${name}`;
  if (suite.functions.includes(method)) cases(named(method, (...args) => client[name](...args)));
}

suite.success('base', 'waits as long as a throttled answer says, and goes on', async () => {
  const fault = { operation: 'uploads.direct', count: 1, effect: { status: 429, retry_after: 1 } };
  await withFault(standins.open, fault, async () => {
    const start = Date.now();
    assert.ok((await sdk.base(text, open)).file);
    assert.ok(Date.now() - start >= 1000);
  });
});
suite.error('base', 'throttled for good', () =>
  withFault(standins.open, { operation: 'uploads.direct', effect: { status: 429, retry_after: 1 } }, () =>
    refused(() => sdk.base(text, { ...open, retryThrottledRequestMaxTimes: 0 }), 'RequestThrottledError', 'Request was throttled.')));
suite.error('base', '51 metadata keys', () => {
  const metadata = Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`key${at}`, 'x']));
  return refused(() => sdk.base(text, { ...open, metadata }), 'FileMetadataKeysNumberTooBigError',
    'A file can not have more than 50 metadata keys.');
});
suite.error('base', '51 tags', () =>
  refused(() => sdk.base(text, { ...open, tags: Array.from({ length: 51 }, (_, at) => `t${at}`) }), 'UploadViewsError',
    'Too many tags: 51 (max 50).'));
suite.error('base', 'cancelled', () => cancelled((signal) => sdk.base(text, { ...open, signal })));

suite.success('uploadDirect', 'uploads and waits until it is ready', async () => {
  const file = await sdk.uploadDirect(sample('photo.jpg'), { ...slow, fileName: 'photo.jpg', contentType: 'image/jpeg' });
  assert.ok(file.isImage && file.imageInfo.format === 'JPEG');
});
suite.error('uploadDirect', 'an unknown public key', () => badKey(() => sdk.uploadDirect(text, nobody), 'UPLOADCARE_PUB_KEY'));

suite.success('uploadMultipart', 'uploads every part and completes', async () => {
  let progress = 0;
  const options = { ...open, fileName: 'large.bin', metadata: { pet: 'cat' }, tags: ['cat'], onProgress: ({ value }) => (progress = value) };
  const file = await sdk.uploadMultipart(large, options);
  assert.deepEqual([file.size, file.metadata, progress], [large.length, { pet: 'cat' }, 1]);
  assert.deepEqual(await cdnBytes(file.cdnUrl), large);
});
suite.error('uploadMultipart', 'without a signature where one is asked for', () =>
  refused(() => sdk.uploadMultipart(large, signed), 'SignatureRequiredError', '`signature` is required.'));

suite.success('uploadFromUploaded', 'finds the file', async () => {
  const uuid = await stored();
  const file = await sdk.uploadFromUploaded(uuid, { ...open, fileName: 'mine.txt' });
  assert.deepEqual([file.uuid, file.name, file.originalFilename], [uuid, 'mine.txt', 'notes.txt']);
});
suite.error('uploadFromUploaded', 'nobody has the file', () =>
  refused(() => sdk.uploadFromUploaded(NOBODY, open), 'FileNotFoundError', 'File is not found.'));

suite.success('uploadFromUrl', 'fetches, with a name of its own', async () => {
  const file = await sdk.uploadFromUrl(`${neighbour.base}/tree.jpg`, { ...open, fileName: 'oak.jpg', store: true, metadata: { pet: 'cat' } });
  assert.deepEqual([file.originalFilename, file.isStored, file.metadata], ['oak.jpg', true, { pet: 'cat' }]);
});
suite.success('uploadFromUrl', 'with a signature where one is asked for', async () => {
  assert.ok((await sdk.uploadFromUrl(`${neighbour.base}/tree.jpg`, { ...signed, ...pair() })).isImage);
});
suite.error('uploadFromUrl', 'the source has no such file', async () => {
  await assert.rejects(sdk.uploadFromUrl(`${neighbour.base}/gone.jpg`, open), (error) =>
    error instanceof sdk.UploadError && error.code === 'DownloadFileHTTPClientError' && error.message === 'HTTP client error: 404.');
});
suite.error('uploadFromUrl', 'without a signature where one is asked for', () =>
  refused(() => sdk.uploadFromUrl(`${neighbour.base}/tree.jpg`, signed), 'SignatureRequiredError', '`signature` is required.'));

// What never leaves the process is exercised with what the stand-in answered.
suite.success('UploadClient', 'takes its settings', () => {
  assert.equal(new sdk.UploadClient(open).getSettings().publicKey, publicKey);
});
suite.error('UploadClient', 'an unknown public key', () => badKey(() => new sdk.UploadClient(nobody).info(NOBODY)));
suite.success('UploadClient.getSettings', 'gives what was set', () => assert.equal(client.getSettings().baseURL, standins.open));
suite.success('UploadClient.updateSettings', 'are used from then on', async () => {
  const other = new sdk.UploadClient(nobody);
  other.updateSettings({ publicKey });
  assert.ok((await other.base(text)).file);
});
suite.error('UploadClient.updateSettings', 'and can be wrong', async () => {
  const other = new sdk.UploadClient(open);
  other.updateSettings({ publicKey: 'nope' });
  await badKey(() => other.base(text), 'UPLOADCARE_PUB_KEY');
});
suite.success('UploadcareFile', 'is made of an info', async () => {
  const info = await sdk.info(await stored(), open);
  const file = new sdk.UploadcareFile(info, { baseCDN: standins.open });
  assert.deepEqual([file.uuid, file.cdnUrl, file.mimeType], [info.uuid, `${standins.open}/${info.uuid}/`, 'text/plain']);
});
suite.success('UploadcareGroup', 'is made of a group', async () => {
  const info = await sdk.group([await stored()], open);
  const group = new sdk.UploadcareGroup(info, { baseCDN: standins.open });
  assert.deepEqual([group.uuid, group.filesCount, group.files.length], [info.id, 1, 1]);
  assert.equal(group.cdnUrl, `${standins.open}/${info.id}/`);
});
suite.success('camelizeString', 'turns one', () => assert.equal(sdk.camelizeString('original_filename'), 'originalFilename'));
suite.success('camelizeKeys', 'turns an answer, but not what is listed', async () => {
  const url = `${standins.open}/info/?pub_key=${publicKey}&file_id=${await stored()}`;
  const answer = await (await fetch(url)).json();
  const info = sdk.camelizeKeys(answer, { ignoreKeys: ['metadata'] });
  assert.equal(info.originalFilename, answer.original_filename);
});
suite.success('getUserAgent', 'says who asks', () =>
  assert.equal(sdk.getUserAgent({ libraryName: 'a', libraryVersion: '1', publicKey, integration: 'x' }), `a/1/${publicKey} (JavaScript; x)`));
suite.success('poll', 'ends with what was found', async () => {
  const uuid = await stored();
  const found = await sdk.poll({ check: async () => (await sdk.info(uuid, open)).isReady && uuid, interval: 10 });
  assert.equal(found, uuid);
});
suite.error('poll', 'gives up', () =>
  assert.rejects(sdk.poll({ check: () => false, interval: 5, timeout: 20 }), sdk.CancelError));
suite.error('poll', 'passes a refusal on', () =>
  refused(() => sdk.poll({ check: () => sdk.info(NOBODY, open) }), 'FileNotFoundError', 'File is not found.'));
suite.success('Queue', 'has as many at work as it may', async () => {
  const queue = new sdk.Queue(2);
  assert.deepEqual([queue.concurrency, queue.pending, queue.running], [2, 0, 0]);
});
suite.success('Queue.add', 'runs uploads', async () => {
  const queue = new sdk.Queue(2);
  const done = await Promise.all([1, 2, 3].map(() => queue.add(() => sdk.base(text, open))));
  assert.equal(new Set(done.map(({ file }) => file)).size, 3);
});
suite.error('Queue.add', 'passes a refusal on', () => {
  const queue = new sdk.Queue(1);
  return badKey(() => queue.add(() => sdk.base(text, nobody)), 'UPLOADCARE_PUB_KEY');
});
suite.success('Queue.run', 'starts what was only noted', async () => {
  const queue = new sdk.Queue(1);
  const noted = queue.add(() => sdk.info(NOBODY, open).catch(() => 'ran'), { autoRun: false });
  assert.deepEqual([queue.pending, queue.running], [1, 0]);
  queue.run();
  assert.equal(await noted, 'ran');
});
const isError = (name, made) =>
  suite.success(name, 'is what a failure is told with', () => assert.ok(made() instanceof sdk.UploadcareError));
isError('UploadcareError', () => new sdk.UploadcareError('x'));
isError('UploadError', () => new sdk.UploadError('x', 'UploadFailedError'));
isError('UploadClientError', () => new sdk.UploadClientError('x'));
isError('CancelError', () => new sdk.CancelError());
isError('NetworkError', () => new sdk.NetworkError({}));
isError('UploadcareNetworkError', () => new sdk.UploadcareNetworkError({}));
suite.error('UploadError', 'carries what was asked and answered', async () => {
  const error = await sdk.info(NOBODY, open).catch((error) => error);
  assert.ok(error.request.url.startsWith(`${standins.open}/info/`));
  assert.equal(error.response.error.statusCode, 404);
});
suite.cannotFail(
  ['UploadcareFile', 'UploadcareGroup', 'camelizeString', 'camelizeKeys', 'getUserAgent', 'Queue', 'Queue.run', 'UploadClient.getSettings'],
  'asks nobody',
);
suite.cannotFail(
  ['UploadcareError', 'UploadClientError', 'CancelError', 'NetworkError', 'UploadcareNetworkError'],
  'is an error itself',
);

await suite.run();
