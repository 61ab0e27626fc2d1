import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { type EmbeddedServer, startEmbeddedServer } from '../../../src/db/embedded/embedded-server.ts';
import type { Actor } from '../../history/journalling-worker.ts';
import { uriOf, withClient } from '../../support/admin.ts';
import { eventually } from '../../support/eventually.ts';
import { migrateAs } from '../../support/owned-database.ts';
import { postgresMajorFolder } from '../../support/postgres-major.ts';
import type { FaultDatabase } from './fault-rig.ts';

/** How a server goes down: cleanly, at once with crash recovery later, or by losing its main process. */
export type Downfall = 'fast' | 'immediate' | 'kill';

const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const;

/** A server of the test's own that can be stopped in every manner and started again on the same port. */
export interface FaultServer extends AsyncDisposable {
  readonly port: number;
  /** The superuser's, to the database `postgres`. */
  readonly uri: string;
  readonly folder: string;
  /** Those that it was first started with. */
  readonly settings: Readonly<Record<string, string>>;
  /** A new migrated database. */
  createDatabase(): Promise<FaultDatabase>;
  /** Resolves when nothing listens any more. */
  stop(downfall: Downfall): Promise<void>;
  /** Resolves when connections are accepted. */
  start(settings?: Readonly<Record<string, string>>): Promise<void>;
}

/** No flushes: the machine does not lose power, and what a killed server had written the kernel still has. */
const SETTINGS = { fsync: 'off', full_page_writes: 'off', max_connections: '60', max_wal_size: '256MB' };

/** @param folder - of a server that was copied, or where a new one is to be; absent for a new one anywhere. */
export async function startFaultServer(
  settings: Readonly<Record<string, string>> = {},
  folder?: string,
): Promise<FaultServer> {
  const packageFolder = await postgresMajorFolder(process.env['LAMPLIGHTER_TEST_PG_MAJOR'] || '18');
  const dataDir = folder ?? (await makeFolder());
  const launch = (port: number, more: Readonly<Record<string, string>> = {}) =>
    startEmbeddedServer({
      dataDir,
      port,
      persistent: true,
      settings: { ...SETTINGS, ...settings, ...more },
      ...(packageFolder !== undefined && { packageFolder }),
    });
  let server: EmbeddedServer = await launch(0);
  let isUp = true;
  let databases = 0;
  const { port, uri } = server;

  async function stop(downfall: Downfall): Promise<void> {
    if (!isUp) return;
    isUp = false;
    const pidFile = join(dataDir, 'postgres', 'data', 'postmaster.pid');
    // One that has broken down by itself has taken it away.
    const [pid] = existsSync(pidFile) ? (await readFile(pidFile, 'utf8')).split('\n') : [];
    if (pid !== undefined) process.kill(Number(pid), SIGNALS[downfall]);
    await server.ended;
    await server.stop();
  }

  return {
    port,
    uri,
    folder: dataDir,
    settings,
    async createDatabase() {
      databases += 1;
      const database = `faults_${databases}`;
      await withClient(uri, (admin) => admin.query(`create database ${database}`));
      const created = uriOf(uri, { database });
      await migrateAs(created);
      return { uri: created, createRole: () => createRole(created) };
    },
    stop,
    async start(more) {
      server = await launch(port, more);
      isUp = true;
    },
    async [Symbol.asyncDispose]() {
      await stop('immediate');
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

let roles = 0;

async function createRole(uri: string): Promise<Actor> {
  roles += 1;
  const name = `actor_${roles}`;
  await withClient(uri, (admin) => admin.query(`create role ${name} login password 'actor'`));
  return { name, uri: uriOf(uri, { user: name, password: 'actor' }) };
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-faults-'));
  await chmod(folder, 0o755); // as root, the server runs as somebody else
  return folder;
}

/** Starts a standby of `primary`, from a copy of its files that is taken while it is down for a moment, and waits until it follows. */
export async function startStandby(primary: FaultServer): Promise<FaultServer> {
  await primary.stop('fast');
  const folder = await makeFolder();
  await promisify(execFile)('cp', ['-a', join(primary.folder, 'postgres'), folder]);
  await writeFile(join(folder, 'postgres', 'data', 'standby.signal'), '');
  const { username, password, port } = new URL(primary.uri);
  const conninfo = `host=127.0.0.1 port=${port} user=${username} password=${decodeURIComponent(password)} application_name=standby`;
  await primary.start();
  const standby = await startFaultServer(
    { ...primary.settings, primary_conninfo: conninfo, hot_standby: 'on' },
    folder,
  );
  // From here on nothing counts as committed before the standby has it.
  await withClient(primary.uri, async (admin) => {
    await admin.query(`alter system set synchronous_standby_names = 'standby'`);
    await admin.query('select pg_reload_conf()');
    await eventually(async () => {
      const { rows } = await admin.query(`select from pg_stat_replication where sync_state = 'sync'`);
      if (rows.length !== 1) throw new Error('the standby does not follow yet');
    });
  });
  return standby;
}

/** Makes the standby a primary, and resolves when it takes writes. */
export async function promote({ uri }: FaultServer): Promise<void> {
  await withClient(uri, async (admin) => {
    const { rows } = await admin.query<{ promoted: boolean }>('select pg_promote(true, 10) as promoted');
    if (rows[0]?.promoted !== true) throw new Error('the standby was not promoted');
  });
}
