import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type CreateDaemonOptions, createDaemon } from '../../src/daemon/create-daemon.ts';
import type { Daemon } from '../../src/daemon/daemon.ts';
import { defineModel } from '../../src/models/define-model.ts';
import { succeeded } from '../../src/models/outcome.ts';
import type { ModelProvider } from '../../src/models/provider.ts';

/** As many numbers as small models give. */
export const DIMENSIONS = 384;
const NAME = 'null/model';

/** A model that costs nothing: one vector for all texts. */
function createNullModels(): ModelProvider {
  const vector = new Float32Array(DIMENSIONS).fill(1 / Math.sqrt(DIMENSIONS));
  const card = { name: NAME, runtime: 'null', type: 'textual', functions: ['embed'], isDownloaded: true } as const;
  const full = { ...card, dimensions: DIMENSIONS };
  return {
    runtime: 'null',
    list: async () => [],
    describe: async ({ name }) => (name === NAME ? { state: 'loadable', name, card: full } : undefined),
    load: async ({ name }) =>
      defineModel({
        name,
        runtime: 'null',
        fingerprint: name,
        maxConcurrency: 8,
        embed: { dimensions: DIMENSIONS, maxBatch: 1_000, run: async (texts) => texts.map(() => succeeded(vector)) },
      }),
  };
}

/** A daemon in this process over a jobs table that it makes. */
export async function startNullDaemon(
  db: pg.Pool,
  uri: string,
  options: Omit<CreateDaemonOptions, 'uri' | 'providers'> = {},
): Promise<Daemon> {
  await db.query(`create table if not exists jobs (id integer generated always as identity primary key, db_connection text, schema text, "table" text,
    src_column text, dst_column text, dst_table text, embedding_model text, init_started_at timestamptz, init_finished_at timestamptz,
    init_failed_at timestamptz, init_failure_reason text, canceled_at timestamptz)`);
  return createDaemon({ pollIntervalMs: 100, ...options, uri, providers: [createNullModels()] });
}

/** Asks for vectors of `body`, beside it or in a table of chunks. */
export async function addNullJob(db: pg.Pool, table: string, dstTable?: string): Promise<void> {
  await db.query(
    `insert into jobs ("table", src_column, dst_column, dst_table, embedding_model) values ($1, 'body', 'embedding', $2, '${NAME}')`,
    [table, dstTable ?? null],
  );
}

/** Waits until every row of these tables has its vector, and the jobs say so. */
export async function untilFilled(db: pg.Pool, tables: readonly string[]): Promise<void> {
  for (;;) {
    const { rows } = await db.query<{ count: number; reason: string | null }>(
      `select count(*) filter (where init_finished_at is null)::int as count, min(init_failure_reason) as reason
       from jobs where "table" = any ($1)`,
      [tables],
    );
    const [found] = rows;
    if (found?.reason != null) throw new Error(found.reason);
    if (found?.count === 0) return;
    await delay(20);
  }
}
