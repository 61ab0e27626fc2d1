import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type pg from 'pg';
import { PGAI_VERSION } from './install-pgai.ts';

/** A program that keeps column `embedding` of a table in step with column `body`, through a server of embeddings. */
export interface EmbeddingContender {
  readonly name: string;
  /** Installs what it needs in the database; pgvector is there. */
  prepare(uri: string, db: pg.Pool): Promise<void>;
  /** Asks for the vectors of a table, which has both columns. */
  addTable(db: pg.Pool, table: string): Promise<void>;
  /** What to run: the file and its arguments, and what it reads from the environment. */
  worker(uri: string): {
    readonly command: readonly [string, ...string[]];
    readonly env: Readonly<Record<string, string>>;
  };
}

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../../src/cli/lamplighter.ts', import.meta.url));

/** The daemon with what it comes with: batches of 500, two in flight. */
export function lamplighterContender(url: string): EmbeddingContender {
  return {
    name: 'Lamplighter',
    async prepare(_, db) {
      await db.query(`create table jobs (id integer generated always as identity primary key, db_connection text, schema text, "table" text,
        src_column text, dst_column text, embedding_model text, runtime text, init_started_at timestamptz, init_finished_at timestamptz,
        init_failed_at timestamptz, init_failure_reason text, canceled_at timestamptz)`);
    },
    async addTable(db, table) {
      await db.query(
        `insert into jobs ("table", src_column, dst_column, embedding_model, runtime) values ($1, 'body', 'embedding', 'openai/null', 'openai')`,
        [table],
      );
    },
    worker: (uri) => ({
      command: [process.execPath, '--import', 'tsx', PROGRAM, 'start-daemon', '--uri', uri, '--log-level', 'error'],
      env: { OPENAI_BASE_URL: `${url}/v1`, LAMPLIGHTER_OPENAI_SERVER: 'openai' },
    }),
  };
}

export interface PgaiSettings {
  readonly python: string;
  /** Most rows of one batch. */
  readonly batchSize: number;
  /** Batches at once, in one process. */
  readonly concurrency: number;
  readonly api: 'openai' | 'ollama';
}

/**
 * pgai with its vectors in a column of the table, as Lamplighter's. It polls, and a second is the shortest pause that it can be told. Its
 * name for a model is one that no tokenizer is known for: it spares it the count of tokens.
 */
export function pgaiContender(url: string, { python, batchSize, concurrency, api }: PgaiSettings): EmbeddingContender {
  const model =
    api === 'openai'
      ? `ai.embedding_openai('null', 384, base_url => '${url}/v1')`
      : `ai.embedding_ollama('null', 384, base_url => '${url}')`;
  return {
    name: `pgai ${PGAI_VERSION}, ${concurrency} x ${batchSize}`,
    prepare: async (uri) => {
      await run(python, ['-m', 'pgai', 'install', '--db-url', uri], { timeout: 60_000 });
    },
    async addTable(db, table) {
      await db.query(
        `select ai.create_vectorizer($1::regclass, loading => ai.loading_column('body'), destination => ai.destination_column('embedding'),
           embedding => ${model}, chunking => ai.chunking_none(), indexing => ai.indexing_none(),
           processing => ai.processing_default(batch_size => ${batchSize}, concurrency => ${concurrency}))`,
        [table],
      );
    },
    worker: (uri) => ({
      command: [
        python,
        '-m',
        'pgai',
        'vectorizer',
        'worker',
        '--db-url',
        uri,
        '--poll-interval',
        '1s',
        '--log-level',
        'CRITICAL',
      ],
      env: { OPENAI_API_KEY: 'none' },
    }),
  };
}
