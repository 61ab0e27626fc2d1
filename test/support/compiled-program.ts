import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = '.test-dist';
/** What the program finds by its own place. */
const LINKED = ['package.json', 'sql', 'web'];
/** Of which sources the last build was. */
const STAMP = join(ROOT, FOLDER, 'built');
const CHUNKS = join(ROOT, FOLDER, 'chunks');
const DAY_MS = 24 * 3_600_000;
/** What nearly every program loads when it starts: to find and read its files takes a third of that time. All others stay packages. */
const BUNDLED = [
  '@clack/prompts',
  '@opentelemetry/api',
  'commander',
  'get-east-asian-width',
  'pg',
  'pino',
  'pino-pretty',
  'zod',
];
/** For what is in the bundle and was CommonJS. */
const REQUIRE = "import * as ofNode from 'node:module'; globalThis.require ??= ofNode.createRequire(import.meta.url);";

/** What tests start. Programs in `test/models` start from sources, as they find fixtures by their own place. */
function isProgram(path: string): boolean {
  return /^(?:src\/cli\/(?:lamplighter|lantern-cli|steadytext-worker)|src\/models\/\w+\/serve-\w+|test\/(?!models\/).*-process|test\/models\/misbehaving-engine)\.ts$/.test(
    path,
  );
}

/** The path, from the root, of a program of `src` or `test` as {@link compileProgram} wrote it; of any other file, its own. */
export function compiledEntry(entry: string): string {
  return isProgram(entry) ? `${FOLDER}/${entry.replace(/\.ts$/, '.js')}` : entry;
}

/** The same as a URL. */
export function compiledUrl(entry: string): URL {
  return pathToFileURL(join(ROOT, compiledEntry(entry)));
}

/**
 * Writes each program that tests start as a file or two of JavaScript, without a look at types, where a source has changed since. One that
 * starts takes 0.23 s of the processor; 0.36 s with its libraries as packages, 0.6 s from 300 files, and 1.4 s under the loader for TypeScript.
 */
export async function compileProgram(): Promise<void> {
  const folders = ['src', 'test'].map((folder) =>
    readdir(join(ROOT, folder), { recursive: true, withFileTypes: true }),
  );
  const entries = (await Promise.all(folders)).flat();
  const paths = entries
    .map(({ parentPath, name }) => join(parentPath, name).slice(ROOT.length))
    .filter((path) => /(?<!\.test)\.ts$/.test(path));
  const changed = await Promise.all(
    [...paths, 'package-lock.json'].map(async (path) => (await stat(join(ROOT, path))).mtimeMs),
  );
  const state = `${paths.length} files, the last of ${Math.max(...changed)}`;
  if ((await readFile(STAMP, 'utf8').catch(ignoring('ENOENT'))) === state) return;
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: paths.filter(isProgram),
    outbase: '.',
    outdir: FOLDER,
    chunkNames: 'chunks/[hash]',
    bundle: true,
    splitting: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: await findPackages(),
    banner: { js: REQUIRE },
    keepNames: true,
    logLevel: 'error',
    plugins: [
      {
        name: 'own-place',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
            loader: 'ts',
            contents: placed(await readFile(path, 'utf8'), path),
          }));
        },
      },
    ],
  });
  await mkdir(CHUNKS, { recursive: true });
  for (const name of LINKED) await symlink(join('..', name), join(ROOT, FOLDER, name)).catch(ignoring('EEXIST'));
  for (const { path, contents } of outputFiles) await replace(path, contents);
  await removeOldChunks(new Set(outputFiles.map(({ path }) => path)));
  await replace(STAMP, state);
}

/** Those that stay packages. */
async function findPackages(): Promise<string[]> {
  const { dependencies, devDependencies, peerDependencies } = JSON.parse(
    await readFile(join(ROOT, 'package.json'), 'utf8'),
  );
  const names = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies });
  return ['pg-native', ...names.filter((name) => !BUNDLED.includes(name))];
}

/** A module finds files by the place that it would have by itself. */
function placed(code: string, path: string): string {
  const place = join(ROOT, FOLDER, path.slice(ROOT.length).replace(/\.ts$/, '.js'));
  return code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(place).href));
}

/** Others may read it, or write it as well. */
async function replace(path: string, contents: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}`, contents);
  await rename(`${path}.${process.pid}`, path);
}

/** Programs of another run may still load those of today. */
async function removeOldChunks(current: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(CHUNKS)) {
    const path = join(CHUNKS, name);
    if (!current.has(path) && Date.now() - (await stat(path)).mtimeMs > DAY_MS) await rm(path, { force: true });
  }
}

function ignoring(code: string) {
  return (error: unknown): undefined => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error;
  };
}
