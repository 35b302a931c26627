// Runs the cases of one SDK in order and writes what came of them as JSON. Which functions there are is read from the
// package at run time, so that a release with a new one shows up as a function without cases.
//
// The judging is left to xtask: it knows the deviations. A case says what the SDK must do against a faithful service.
import dns from 'node:dns';
import fs from 'node:fs';
import net from 'node:net';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const CASE_TIMEOUT_MS = 60_000;

/** Addresses of the stand-ins by configuration: open, signed, strict, slow. */
export const standins = JSON.parse(process.env.UPDOCK_STANDINS ?? '{}');
/** Where the REST API is: the stand-ins themselves, or signers in front of them. */
export const rest = JSON.parse(process.env.UPDOCK_REST ?? 'null') ?? standins;
/** Keys of agents by what they may do, `all` and `reader`; none where no signer is in between. */
export const agents = JSON.parse(process.env.UPDOCK_AGENT_KEYS ?? 'null');
export const publicKey = 'demopublickey';
export const secretKey = 'demosecretkey';
/** A file id that nobody has. */
export const NOBODY = '00000000-0000-4000-8000-000000000000';

/** The bytes of a sample file that xtask has made. */
export const sample = (name) => fs.readFileSync(samplePath(name));
export const samplePath = (name) => `${process.env.UPDOCK_SAMPLES}/${name}`;

// Only this machine: some SDKs call a push service of somebody else's beside the API.
const lookup = dns.lookup;
dns.lookup = (host, ...rest) => {
  if (host === 'localhost' || net.isIP(host)) return lookup(host, ...rest);
  const callback = rest.at(-1);
  const error = Object.assign(new Error(`${host} is not on this machine`), { code: 'ENOTFOUND' });
  process.nextTick(() => callback(error));
  return undefined;
};

/** The version of an installed package. */
export function versionOf(name) {
  return JSON.parse(fs.readFileSync(`${packageFolder(name)}/package.json`, 'utf8')).version;
}

function packageFolder(name) {
  const folder = require.resolve.paths(name).map((folder) => `${folder}/${name}`).find((folder) => fs.existsSync(folder));
  if (!folder) throw new Error(`${name} is not installed`);
  return folder;
}

/** The public functions of a package: its exports, and the methods of the classes among them. */
export function functionsOf(name, exports) {
  const declared = fs.readFileSync(`${packageFolder(name)}/dist/index.d.ts`, 'utf8');
  const isPrivate = new Set([...declared.matchAll(/^\s+private (?:readonly )?(\w+)/gm)].map((match) => match[1]));
  const found = [];
  for (const [title, value] of Object.entries(exports)) {
    found.push(title);
    if (typeof value !== 'function' || !/^class\b/.test(Function.prototype.toString.call(value))) continue;
    const own = Object.entries(Object.getOwnPropertyDescriptors(value.prototype ?? {}));
    const methods = own.filter(([key, { value }]) => typeof value === 'function' && key !== 'constructor');
    for (const [key] of methods) if (!isPrivate.has(key)) found.push(`${title}.${key}`);
  }
  return [...new Set(found)];
}

export class Suite {
  #cases = [];
  #harmless = new Map();

  /** `functions`: every public one; a case for another name is an error of this suite. */
  constructor({ name, registry = 'npm', version, functions }) {
    Object.assign(this, { name, registry, version, functions });
  }

  /** What `of` does when all is well. */
  success(of, title, body) {
    this.#add('success', of, title, body);
  }

  /** What `of` does when the service refuses. */
  error(of, title, body) {
    this.#add('error', of, title, body);
  }

  /** `of` asks the service nothing that could be refused. */
  cannotFail(of, why) {
    for (const name of [of].flat()) {
      this.#known(name);
      this.#harmless.set(name, why);
    }
  }

  #add(kind, of, title, body) {
    this.#known(of);
    if (this.#cases.some((one) => one.of === of && one.title === title)) throw new Error(`${of}: "${title}" twice`);
    this.#cases.push({ kind, of, title, body });
  }

  #known(of) {
    if (!this.functions.includes(of)) throw new Error(`${this.name} has no ${of}`);
  }

  /** Runs every case and writes the report. */
  async run() {
    const problems = [];
    process.on('unhandledRejection', (error) => problems.push(`unhandled rejection: ${error?.stack ?? error}`));
    const results = new Map(this.functions.map((name) => [name, []]));
    const only = process.env.UPDOCK_ONLY;
    for (const { kind, of, title, body } of this.#cases) {
      if (only && !`${of} ${title}`.includes(only)) continue;
      let message = null;
      try {
        await within(CASE_TIMEOUT_MS, body());
      } catch (error) {
        message = String(error?.message ?? error).slice(0, 2000);
        if (process.env.UPDOCK_VERBOSE) console.error(error);
      }
      if (message !== null) console.error(`  ${of}: ${title}: ${message.split('\n').slice(0, 12).join('\n    ')}`);
      results.get(of).push({ kind, title, passed: message === null, message });
    }
    const functions = this.functions.map((name) => ({
      name,
      cannot_fail: this.#harmless.get(name) ?? null,
      cases: results.get(name),
    }));
    const { name, registry, version } = this;
    fs.writeFileSync(process.env.UPDOCK_REPORT, JSON.stringify({ name, registry, version, functions, problems }, null, 1));
    await this.after?.();
    // An SDK may keep a connection or a timer that nobody waits for.
    process.exit(0);
  }
}

async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `look` gives something. */
export async function until(look, what, ms = 15_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`no ${what} within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Makes the stand-in at `base` misbehave while `body` runs. */
export async function withFault(base, fault, body) {
  const put = await fetch(`${base}/_local/faults`, { method: 'PUT', body: JSON.stringify(fault) });
  if (!put.ok) throw new Error(`the stand-in does not take the fault: ${await put.text()}`);
  try {
    return await body();
  } finally {
    await fetch(`${base}/_local/faults`, { method: 'DELETE' });
  }
}
