import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LamplighterError } from '../core/errors.ts';

/** One file of the page, as it is to be sent. */
export interface PageFile {
  readonly body: Buffer;
  readonly contentType: string;
  /** Its name changes with its content: it may be cached for ever. */
  readonly isImmutable: boolean;
}

/** The page, in memory. */
export interface PageFiles {
  /**
   * What is to be sent for the path of any page.
   *
   * @param basePath Where the dashboard is mounted, with a slash at both ends: `/` or `/lamplighter/`.
   */
  documentFor(basePath: string): string;
  /** @param path Relative to the base path: `assets/index-C3d4.js`. */
  find(path: string): PageFile | undefined;
}

// Two folders up from src/dashboard/ and from dist/dashboard/ alike.
const WEB = fileURLToPath(new URL('../../web/', import.meta.url));
const DIST = join(WEB, 'dist');
/** Only in a checkout: what is published has the page built. */
const BUILDER = join(WEB, 'build.js');

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const BASE = '<base href="/" />';

let loaded: Promise<PageFiles> | undefined;

/**
 * The page's files, read once per process. In a checkout the page is built first if it is missing or older than its sources, which takes a
 * second or two; so ask when the page is first asked for, not when the server starts.
 *
 * @throws LamplighterError PAGE_MISSING when the page cannot be built or was not published with the package.
 */
export function loadPageFiles(): Promise<PageFiles> {
  loaded ??= buildIfStale()
    .then(readFiles)
    .catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
  return loaded;
}

async function buildIfStale(): Promise<void> {
  if (!existsSync(BUILDER)) return;
  const builtMs = await changedMs(join(DIST, 'index.html'));
  const sources = await readdir(WEB, { recursive: true, withFileTypes: true });
  const paths = sources
    .filter((entry) => entry.isFile() && !/^(dist|\.building)/.test(entry.parentPath.slice(WEB.length)))
    .map((entry) => join(entry.parentPath, entry.name));
  const times = await Promise.all(paths.map(changedMs));
  if (builtMs > 0 && times.every((ms) => ms <= builtMs)) return;
  const builder = fork(BUILDER, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  let said = '';
  builder.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(builder, 'close');
  if (code !== 0) {
    throw new LamplighterError('PAGE_MISSING', `the dashboard's page could not be built: ${said.trim().slice(-2000)}`, {
      hint: 'Run: npm ci && npm run build',
    });
  }
}

async function changedMs(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

async function readFiles(): Promise<PageFiles> {
  if (!existsSync(DIST)) throw new LamplighterError('PAGE_MISSING', `the dashboard's page is missing: ${DIST}`);
  const files = new Map<string, PageFile>();
  for (const entry of await readdir(DIST, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(DIST.length + 1).replaceAll('\\', '/');
    files.set(name, {
      body: await readFile(path),
      contentType: CONTENT_TYPES[extname(name)] ?? 'application/octet-stream',
      isImmutable: name.startsWith('assets/'),
    });
  }
  const index = files.get('index.html')?.body.toString('utf8') ?? '';
  files.delete('index.html');
  const documents = new Map<string, string>();
  return {
    find: (path) => files.get(path),
    documentFor(basePath) {
      let text = documents.get(basePath);
      if (text === undefined) {
        const href = basePath.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
        // A replacer: in a string, a $ would mean something.
        text = index.replace(BASE, () => `<base href="${href}" />`);
        documents.set(basePath, text);
      }
      return text;
    },
  };
}
