import pg from 'pg';
import { resolveConnection } from '../../../src/db/connection/connection-settings.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import type { Queryable } from '../../../src/db/query.ts';
import { noteRunsEarly } from '../../embeddings/early-runs.ts';
import { createTestDatabase } from '../../support/database.ts';
import { type Shape, WRITERS, type WriterName } from './vector-steps.ts';

/** A database with sessions of writers, the daemons' pool, and an observer's session. */
export interface VectorStage extends AsyncDisposable {
  readonly admin: pg.Client;
  /** Of the daemons; each statement goes through `edit`. */
  readonly pool: Pool;
  /** Changes statements of the daemons: a defect of the program. */
  edit: (statement: string) => string;
  writerOf(name: WriterName): pg.Client;
  /** Ends all transactions, forgets all jobs, and makes the table anew. */
  reset(shape: Shape): Promise<void>;
}

export const TABLE = 'public.doc';
export const CHUNKS = 'public.doc_chunks';
/** Rows of 3 kB, two or three to a page, that move when they are changed. */
const COLUMNS = `ident int, id int primary key, body text, note int not null default 0, pad text not null default repeat('x', 3000)`;

/** The statements that make the table, as `what`. */
export function createTable(shape: Shape): string {
  const plain = `alter table ${TABLE} alter pad set storage plain`;
  return shape === 'partitioned'
    ? `create table ${TABLE} (${COLUMNS}) partition by range (id); ${plain};
       create table public.doc_low partition of ${TABLE} for values from (minvalue) to (5);
       create table public.doc_high partition of ${TABLE} for values from (5) to (maxvalue)`
    : `create table ${TABLE} (${COLUMNS}); ${plain}`;
}

const CLEAR = `
  drop table if exists ${CHUNKS};
  drop table if exists ${TABLE} cascade;
  do $$ declare v_name text; begin
    for v_name in select p.oid::regprocedure from pg_proc as p
      where p.pronamespace = 'lamplighter'::regnamespace and p.proname ~ '^capture_[0-9a-f]{32}$'
    loop execute format('drop function %s cascade', v_name); end loop;
  end $$;
  delete from lamplighter.embedding_batch;
  delete from lamplighter.change;
  delete from lamplighter.embedding_job;
  delete from lamplighter.embedding_progress;
  delete from lamplighter.embedding_stamp;
  delete from lamplighter.embedding_failure;
  delete from lamplighter.worker`;

export async function createVectorStage(): Promise<VectorStage> {
  const database = await createTestDatabase();
  const connect = async () => {
    const client = new pg.Client({ connectionString: database.uri, application_name: 'lamplighter test' });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(`set lock_timeout = '3s'`);
    return client;
  };
  const admin = await connect();
  await noteRunsEarly(admin);
  const writers = new Map<WriterName, pg.Client>();
  for (const name of WRITERS) writers.set(name, await connect());
  const inner = createPool(resolveConnection({ uri: database.uri }, {}), { max: 2 });
  const edited = (db: Queryable): Queryable => ({ query: (text, params) => db.query(stage.edit(text), params) });
  const stage: VectorStage = {
    admin,
    pool: {
      ...inner,
      ...edited(inner),
      withTransaction: (work) => inner.withTransaction((transaction) => work(edited(transaction))),
    },
    edit: (statement) => statement,
    writerOf(name) {
      const client = writers.get(name);
      if (client === undefined) throw new Error(`there is no writer ${name}`);
      return client;
    },
    async reset(shape) {
      for (const client of writers.values()) await client.query('rollback');
      await admin.query(CLEAR);
      await admin.query(createTable(shape));
    },
    async [Symbol.asyncDispose]() {
      for (const client of [...writers.values(), admin]) await client.end();
      await inner.end();
      await database[Symbol.asyncDispose]();
    },
  };
  return stage;
}
