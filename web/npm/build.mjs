// Bundles the shell with its style sheet and writes its types. The wasm module and its glue are put into `dist` by
// `cargo xtask wasm`; they stay files of their own (`widget.js` is the
// glue, made small), loaded when they are needed.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
mkdirSync(dist, { recursive: true });

// A style sheet becomes a text without its white space and comments.
const styles = {
  name: 'styles',
  setup(bundler) {
    bundler.onLoad({ filter: /\.css$/ }, async ({ path: file }) => {
      const { code } = await transform(readFileSync(file, 'utf8'), { loader: 'css', minify: true, target: 'chrome123' });
      return { contents: code.trim(), loader: 'text' };
    });
  },
};

// The glue keeps its name in `new URL(...)`, so the module stays beside it.
const glue = path.join(dist, 'updock_wasm.js');
if (!existsSync(glue)) throw new Error('dist/updock_wasm.js is missing: build with `cargo xtask wasm`');

await build({
  entryPoints: { updock: path.join(here, 'src/updock.ts'), widget: glue },
  outdir: dist,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  plugins: [styles],
});
execFileSync(process.execPath, [path.join(here, 'node_modules/typescript/bin/tsc'), '--emitDeclarationOnly', '--declaration'], {
  cwd: here,
  stdio: 'inherit',
});
