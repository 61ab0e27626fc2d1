import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { Binaries } from './binaries.ts';
import { buildFolder } from './build-folder.ts';
import { type RunAs, serverEnv } from './run-as.ts';

export const SUPERUSER = 'postgres';
const INITDB_TIMEOUT_MS = 120_000;

/** The files of one server: PostgreSQL's own folder and the superuser's password beside it. */
export interface Cluster {
  readonly pgdata: string;
  readonly password: string;
}

export interface ClusterOptions {
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs | undefined;
  /** The password of a new cluster; an existing one keeps its own. @default random */
  readonly password: string | undefined;
  /** Flush the new files to disk, so that they survive a power cut. */
  readonly isDurable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Opens the cluster in `dataDir`, made now if there is none. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = join(options.dataDir, 'postgres');
  if (!existsSync(folder)) await createCluster(folder, options);
  const pgdata = join(folder, 'data');
  const version = (await readFile(join(pgdata, 'PG_VERSION'), 'utf8')).trim();
  if (version !== String(options.binaries.major)) {
    throw new LamplighterError(
      'EMBEDDED_FAILED',
      `${options.dataDir} holds data of PostgreSQL ${version}; the embedded server is PostgreSQL ${options.binaries.major}.`,
      { hint: `Choose another folder, or dump the data with a PostgreSQL ${version} and load it into a new folder.` },
    );
  }
  return { pgdata, password: await readFile(join(folder, 'password'), 'utf8') };
}

async function createCluster(folder: string, options: ClusterOptions): Promise<void> {
  const { dataDir, binaries, runAs } = options;
  const fill = async (unfinished: string) => {
    const pgdata = join(unfinished, 'data');
    const passwordFile = join(unfinished, 'password');
    await mkdir(pgdata, { mode: 0o700 });
    await writeFile(passwordFile, options.password ?? randomBytes(18).toString('base64url'), { mode: 0o600 });
    if (runAs !== undefined) {
      for (const path of [unfinished, pgdata, passwordFile]) await chown(path, runAs.uid, runAs.gid);
    }
    const flags = [
      `--pgdata=${pgdata}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ];
    // Without it only ASCII letters have case and class.
    if (binaries.major >= 17) flags.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8');
    if (!options.isDurable) flags.push('--no-sync');
    await promisify(execFile)(join(binaries.folder, 'bin', 'initdb'), flags, {
      ...runAs,
      cwd: '/',
      env: serverEnv(),
      timeout: INITDB_TIMEOUT_MS,
      signal: options.signal,
    });
  };
  try {
    await buildFolder(folder, fill);
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new LamplighterError(
      'EMBEDDED_FAILED',
      `Could not make a PostgreSQL cluster in ${dataDir}: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
}

function reasonOf(cause: unknown): string {
  const stderr = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
  return stderr === '' ? messageOf(cause) : stderr;
}
