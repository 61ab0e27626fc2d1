import process from 'node:process';
import pg from 'pg';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { parentOf, readTreeCpu } from './process-cpu.ts';

export interface BenchServer extends AsyncDisposable {
  readonly version: string;
  /** Of the database that exists from the start. */
  readonly uri: string;
  /** A new database; its URI. */
  createDatabase(name: string): Promise<string>;
  /** Seconds of CPU that the server has used since it started, in all its processes; undefined on another machine. */
  cpuSeconds(): Promise<number | undefined>;
  /** Bytes of write-ahead log since the server was made. */
  walBytes(): Promise<number>;
  /** Writes all that is dirty, so that no checkpoint falls into what is measured next. */
  checkpoint(): Promise<void>;
}

/** Commits wait for the disk, and checkpoints are far apart: both are the same for all that are measured. */
export const BENCH_SETTINGS = {
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  max_connections: '200',
};

/**
 * `TEST_DATABASE_URL`, or an embedded server that waits for the disk at each commit as any other would; its databases are dropped at the
 * end.
 */
export async function startBenchServer(settings: Readonly<Record<string, string>> = {}): Promise<BenchServer> {
  const given = process.env['TEST_DATABASE_URL'];
  const server =
    given === undefined
      ? await startEmbeddedServer({ persistent: false, settings: { ...BENCH_SETTINGS, ...settings } })
      : undefined;
  return attachBenchServer(server?.uri ?? given ?? '', async () => server?.stop());
}

/** A server that runs already; `stop` is called at the end, once the databases are dropped. */
export async function attachBenchServer(uri: string, stop: () => Promise<void>): Promise<BenchServer> {
  const admin = new pg.Client({ connectionString: uri });
  await admin.connect();
  const { rows } = await admin.query<{ server_version: string; pid: number }>(
    "select current_setting('server_version') as server_version, pg_backend_pid() as pid",
  );
  const postmaster = await parentOf(rows[0]?.pid ?? 0, 'postgres');
  const created: string[] = [];
  return {
    version: rows[0]?.server_version ?? 'unknown',
    uri,
    async createDatabase(name) {
      await admin.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      await admin.query(`create database ${pg.escapeIdentifier(name)}`);
      created.push(name);
      const url = new URL(uri);
      url.pathname = `/${name}`;
      return url.href;
    },
    cpuSeconds: async () => (postmaster === undefined ? undefined : readTreeCpu(postmaster)),
    async walBytes() {
      const { rows: positions } = await admin.query<{ bytes: string }>(
        "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes",
      );
      return Number(positions[0]?.bytes);
    },
    async checkpoint() {
      await admin.query('checkpoint');
    },
    async [Symbol.asyncDispose]() {
      for (const name of created)
        await admin.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      await admin.end();
      await stop();
    },
  };
}

/** Two connections to a database, for what the bench itself asks. */
export function openPool(uri: string, max = 2): pg.Pool {
  const pool = new pg.Pool({ connectionString: uri, max });
  // Idle connections end with the server when the run fails; the failure itself is what to show.
  pool.on('error', () => undefined);
  return pool;
}
