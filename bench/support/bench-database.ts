import process from 'node:process';
import pg from 'pg';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';

export interface BenchServer extends AsyncDisposable {
  /** A new database; its URI. */
  createDatabase(name: string): Promise<string>;
  readonly version: string;
}

/** `TEST_DATABASE_URL`, or an embedded server with durable settings: the figures are for the same durability on both sides. */
export async function startBenchServer(): Promise<BenchServer> {
  const given = process.env['TEST_DATABASE_URL'];
  const server =
    given === undefined
      ? await startEmbeddedServer({ persistent: false, settings: { shared_buffers: '512MB', max_wal_size: '4GB' } })
      : undefined;
  const uri = server?.uri ?? given ?? '';
  const admin = new pg.Client({ connectionString: uri });
  await admin.connect();
  const { rows } = await admin.query<{ server_version: string }>('show server_version');
  const created: string[] = [];
  return {
    version: rows[0]?.server_version ?? 'unknown',
    async createDatabase(name) {
      await admin.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      await admin.query(`create database ${pg.escapeIdentifier(name)}`);
      created.push(name);
      const url = new URL(uri);
      url.pathname = `/${name}`;
      return url.href;
    },
    async [Symbol.asyncDispose]() {
      for (const name of created)
        await admin.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      await admin.end();
      await server?.stop();
    },
  };
}

/** The middle value; the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
