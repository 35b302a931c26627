// @uploadcare/signed-uploads: what it signs opens a project that asks for signatures.
import assert from 'node:assert/strict';
import * as sdk from '@uploadcare/signed-uploads';
import { base } from '@uploadcare/upload-client';
import { Suite, functionsOf, publicKey, secretKey, standins, versionOf } from './harness.mjs';

const NAME = '@uploadcare/signed-uploads';
const suite = new Suite({ name: NAME, version: versionOf(NAME), functions: functionsOf(NAME, sdk) });
const upload = (pair) => base(Buffer.from('words'), { publicKey, baseURL: standins.signed, ...pair });
const code = (pair) => upload(pair).then(() => 'none', (error) => error.code);

suite.success('generateSecureSignature', 'by the documented vector', () =>
  assert.equal(
    sdk.generateSecureSignature('YOUR_SECRET_KEY', { expire: 1678361640_000 }).secureSignature,
    '93b69d086a487fbdfc36172b96a5d7f5afa7cb209e43e5f25890bc037e638584',
  ));
suite.success('generateSecureSignature', 'for a time from now', async () => {
  assert.ok((await upload(sdk.generateSecureSignature(secretKey, { lifetime: 60_000 }))).file);
});
suite.success('generateSecureSignature', 'until a date', async () => {
  assert.ok((await upload(sdk.generateSecureSignature(secretKey, { expire: new Date(Date.now() + 60_000) }))).file);
});
suite.error('generateSecureSignature', 'with another secret', async () =>
  assert.equal(await code(sdk.generateSecureSignature('other', { lifetime: 60_000 })), 'SignatureInvalidError'));
suite.error('generateSecureSignature', 'too late', async () =>
  assert.equal(await code(sdk.generateSecureSignature(secretKey, { lifetime: -1000 })), 'SignatureExpirationError'));
suite.error('generateSecureSignature', 'for another time than it says', async () => {
  const { secureSignature } = sdk.generateSecureSignature(secretKey, { lifetime: 60_000 });
  const { secureExpire } = sdk.generateSecureSignature(secretKey, { lifetime: 90_000 });
  assert.equal(await code({ secureSignature, secureExpire }), 'SignatureInvalidError');
});

await suite.run();
