import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildFolder } from '../../../src/db/embedded/build-folder.ts';

const run = promisify(execFile);
export const PGAI_VERSION = '0.12.1';
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/lamplighter/', import.meta.url));

/**
 * A Python that has pgai and its worker: installed from the Python package index once, whole or not at all, into a cache that git does
 * not know.
 *
 * @throws Error of the program that failed: there is no Python 3 with `venv`, or the package index cannot be reached.
 */
export async function installPgai(): Promise<string> {
  const folder = join(CACHE, `pgai-${PGAI_VERSION}`);
  if (!existsSync(folder)) {
    await mkdir(CACHE, { recursive: true });
    await buildFolder(folder, async (unfinished) => {
      await run('python3', ['-m', 'venv', unfinished], { timeout: 60_000 });
      const flags = ['--quiet', '--disable-pip-version-check'];
      await run(
        join(unfinished, 'bin', 'python'),
        ['-m', 'pip', 'install', ...flags, `pgai[vectorizer-worker]==${PGAI_VERSION}`],
        { timeout: 1_800_000 },
      );
    });
  }
  return join(folder, 'bin', 'python');
}
