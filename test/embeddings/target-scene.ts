import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import { claimJob, startPass } from '../../src/embeddings/claim-job.ts';
import type { EmbeddingBatch } from '../../src/embeddings/embedding-batch.ts';
import type { JobSpec, PreparedJob } from '../../src/embeddings/job-spec.ts';
import { planChunks } from '../../src/embeddings/plan-chunks.ts';
import { prepareJob } from '../../src/embeddings/prepare-job.ts';
import { scanPage } from '../../src/embeddings/scan-page.ts';
import { type DocumentAnswer, type RowAnswer, writeVectors } from '../../src/embeddings/write-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

const DIMENSIONS = 3;

/** What the tests take for a model: a vector that tells from which text, and by which model, it was made. */
export function vectorOf(text: string, model = 'm1'): Float32Array {
  let sum = 0;
  for (const char of text) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return Float32Array.of(
    [...text].length,
    sum,
    [...model].reduce((total, char) => total + (char.codePointAt(0) ?? 0), 0),
  );
}

/** Into what the tests divide a document: its lines. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

export interface TargetScene extends AsyncDisposable {
  readonly db: TestDatabase;
  /** The daemon's pool, as superuser unless another URI was given. */
  readonly pool: Pool;
  readonly holderId: string;
  spec(table: string, changes?: Partial<JobSpec>): JobSpec;
  prepare(table: string, changes?: Partial<JobSpec>): Promise<PreparedJob>;
  /** One full pass and further ones until one finds nothing, then the log. */
  settle(job: PreparedJob): Promise<void>;
  /** Claims and embeds until the log is empty; the texts that a model was asked for. */
  drain(job: PreparedJob): Promise<string[]>;
  /** Chunks of documents that a model was asked for since the last call. */
  takeAsked(): string[];
  /** Takes what there is in the log, at once. */
  claim(job: PreparedJob): Promise<EmbeddingBatch>;
  answer(job: PreparedJob, batch: EmbeddingBatch): Promise<Awaited<ReturnType<typeof writeVectors>>>;
  /** Runs statements as superuser. */
  run(text: string): Promise<Record<string, unknown>[]>;
  /** Rows without the vector of their text: empty when all is well. */
  wrong(table: string, model?: string, columns?: { src?: string; dst?: string }): Promise<string[]>;
  /** Keys in the log, markers as null. */
  logged(): Promise<(string | null)[]>;
}

/** A database with a holder and one job after the other. */
export async function createTargetScene(): Promise<TargetScene> {
  const db = await createTestDatabase();
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 4 });
  const { workerId: holderId } = await startSqlWorker(db.pool, { leaseMs: 600_000 });
  const asked: string[] = [];
  const answers = (job: PreparedJob, batch: EmbeddingBatch): (RowAnswer | DocumentAnswer)[] =>
    batch.rows.map(({ text, known }) => {
      if (job.table.chunks === undefined) return vectorOf(text, job.model);
      const chunks = [...planChunks(linesOf(text), known)];
      asked.push(...chunks.flatMap((chunk) => (chunk.from === undefined ? chunk.text : [])));
      return {
        chunks: chunks.map((chunk) => ({
          ...chunk,
          vector: chunk.from === undefined ? vectorOf(chunk.text, job.model) : undefined,
        })),
      };
    });

  const scene: TargetScene = {
    db,
    pool,
    holderId,
    spec: (table, changes = {}) => ({
      controlId: 'control',
      jobId: table,
      schema: 'public',
      table,
      srcColumn: 'body',
      dstColumn: 'vec',
      model: 'm1',
      dimensions: DIMENSIONS,
      trustedOwners: [],
      ...changes,
    }),
    prepare: (table, changes) => prepareJob(pool, scene.spec(table, changes), { patienceMs: 5_000 }),
    async settle(job) {
      for (let isFull = true; ; isFull = false) {
        await claimJob(pool, job.id, holderId);
        await startPass(pool, job, holderId, { isFull });
        const found = await runPass(job);
        if (found === 0) break;
      }
      await scene.drain(job);
    },
    async drain(job) {
      const texts: string[] = [];
      for (;;) {
        const claim = await claimChanges(pool, job, { holderId, limit: 500 });
        if (claim.taken === 0) return texts;
        if (claim.batch === undefined) continue;
        texts.push(...claim.batch.rows.map(({ text }) => text));
        await scene.answer(job, claim.batch);
      }
    },
    takeAsked: () => asked.splice(0),
    async claim(job) {
      const { batch } = await claimChanges(pool, job, { holderId, limit: 500 });
      if (batch === undefined) throw new Error('expected changes');
      return batch;
    },
    answer: (job, batch) => writeVectors(pool, job, batch, answers(job, batch)),
    run: async (text) => {
      const result = await db.pool.query(text);
      return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
    },
    async wrong(table, model = 'm1', { src = 'body', dst = 'vec' } = {}) {
      const { rows } = await db.pool.query<{ body: string | null; vec: string | null }>(
        `select "${src}"::text as body, "${dst}"::text as vec from ${table}`,
      );
      return rows.flatMap(({ body, vec }) => {
        const isBlank = body === null || !/[^ \t\n\r\f\v]/.test(body);
        const expected = isBlank ? null : `${[...vectorOf(body, model)]}`;
        const actual =
          vec === null
            ? null
            : `${vec
                .replace(/[{}[\]]/g, '')
                .split(',')
                .map(Number)}`;
        return expected === actual ? [] : [`${body}: ${actual}, not ${expected}`];
      });
    },
    logged: async () =>
      (await db.pool.query('select key::text from lamplighter.change order by seq')).rows.map(({ key }) => key),
    async [Symbol.asyncDispose]() {
      await pool.end();
      await db[Symbol.asyncDispose]();
    },
  };

  async function runPass(job: PreparedJob): Promise<number> {
    for (;;) {
      const page = await scanPage(pool, job, { holderId, limit: 500, blocks: 64 });
      if (page.batch !== undefined) await scene.answer(job, page.batch);
      if (page.isEnd) return page.found;
    }
  }
  return scene;
}
