/**
 * Builds the dashboard's page into web/dist and fails when it has grown beyond its budget. What was there stays until the new page is whole,
 * so that a server can be reading it, and another process building it as well.
 */
import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

/** Of all JavaScript and CSS as it is sent, compressed. */
const MAX_BYTES = 120 * 1024;

const root = fileURLToPath(new URL('./', import.meta.url));

async function bytesSent(folder) {
  const files = await readdir(folder, { recursive: true });
  const sizes = files.filter((file) => /\.(js|css)$/.test(file)).map((file) => readFile(join(folder, file)));
  return (await Promise.all(sizes)).reduce((sum, file) => sum + gzipSync(file).length, 0);
}

const folder = await mkdtemp(join(root, '.building-'));
try {
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    // Relative to the base address, which only the server knows.
    base: './',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: folder,
      target: 'es2022',
      // As a data: address it would need an exception in the content security policy.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  });
  const bytes = await bytesSent(folder);
  if (bytes > MAX_BYTES) throw new Error(`the page has ${bytes} bytes compressed, more than ${MAX_BYTES}`);
  await rename(join(root, 'dist'), `${folder}.former`).catch(() => undefined);
  await rename(folder, join(root, 'dist'));
  process.stdout.write(`web/dist: ${(bytes / 1024).toFixed(1)} KiB compressed\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
  await rm(`${folder}.former`, { recursive: true, force: true });
}
