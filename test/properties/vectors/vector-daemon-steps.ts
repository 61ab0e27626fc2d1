import { isDeepStrictEqual } from 'node:util';
import { hasCode } from '../../../src/core/errors.ts';
import { createFillSlots } from '../../../src/daemon/fill-slots.ts';
import { createJobPasses, type JobPasses } from '../../../src/daemon/job-passes.ts';
import { sqlStateOf } from '../../../src/db/sqlstate.ts';
import { claimChanges } from '../../../src/embeddings/claim-changes.ts';
import { type EmbeddingBatch, releaseBatch, rescueBatches } from '../../../src/embeddings/embedding-batch.ts';
import type { JobSpec, PreparedJob } from '../../../src/embeddings/job-spec.ts';
import { planChunks } from '../../../src/embeddings/plan-chunks.ts';
import { prepareJob } from '../../../src/embeddings/prepare-job.ts';
import { type DocumentAnswer, type RowAnswer, writeVectors } from '../../../src/embeddings/write-vectors.ts';
import { linesOf, vectorOf } from '../../embeddings/target-scene.ts';
import { startSqlWorker } from '../../support/sql-worker.ts';
import { Mismatch } from '../verdict.ts';
import { isBad, isInUse, type VectorModel } from './vector-model.ts';
import type { VectorStage } from './vector-stage.ts';
import type { DaemonName, DaemonStep } from './vector-steps.ts';

/** One life of a daemon: what it holds in its memory. */
interface Daemon {
  holderId: string;
  prepared: PreparedJob | undefined;
  passes: JobPasses | undefined;
  isMarked: boolean;
  lastSeq: string | undefined;
  batches: EmbeddingBatch[];
}

export interface Daemons {
  /** False when it makes no sense. Fails with a {@link Mismatch} where something else goes wrong than may. */
  take(step: DaemonStep): Promise<boolean>;
  /** What was told of the job since the last call: every row has its vector. */
  takeCompletions(): number;
}

/** Failures after which a text is left alone. */
const MOST_ATTEMPTS = 2;
/** Longer than the daemon waits before it asks for, or does, anything again but a full pass. */
const STEP_MS = 10_000;
const HOUR_MS = 3_600_000;

export async function startDaemons(stage: VectorStage, model: VectorModel): Promise<Daemons> {
  const { pool } = stage;
  let nowMs = 0;
  let completions = 0;
  const clock = { nowMs: () => nowMs, delay: async () => undefined };
  const pace = {
    rowsInMs: () => 0,
    atMost: (rows: number) => rows,
    pageInMs: () => 0,
    noteRows() {},
    noteBackfillWork() {},
    noteReconcilePage() {},
  };
  const late: Record<DaemonName, Daemon[]> = { one: [], two: [] };
  const start = async (): Promise<Daemon> => ({
    holderId: (await startSqlWorker(pool, { leaseMs: 600_000 })).workerId,
    prepared: undefined,
    passes: undefined,
    isMarked: false,
    lastSeq: undefined,
    batches: [],
  });
  const living: Record<DaemonName, Daemon> = { one: await start(), two: await start() };

  function specOf(): JobSpec {
    return {
      controlId: 'control',
      jobId: '1',
      schema: 'public',
      table: 'doc',
      srcColumn: model.spec.srcColumn,
      dstColumn: 'vec',
      model: model.spec.model,
      dimensions: 3,
      trustedOwners: [],
      ...(model.shape === 'documents' && { chunks: { schema: 'public', table: 'doc_chunks', size: 64, overlap: 0 } }),
    };
  }

  async function prepare(name: DaemonName, daemon: Daemon): Promise<boolean> {
    const { changes } = model;
    let job: PreparedJob;
    try {
      job = await prepareJob(pool, specOf(), { patienceMs: 0 });
    } catch (error) {
      if (isInUse(model) && sqlStateOf(error) === '55P03') return true;
      throw new Mismatch(`preparing the job failed: ${error}`);
    }
    model.registered = { id: job.id, generation: job.generation, model: job.model };
    model.isCanceled = false;
    model.preparedAt[name] = changes;
    const known = daemon.prepared;
    const isSame = known?.generation === job.generation && isDeepStrictEqual(known.table, job.table);
    if (!isSame) {
      await dropWork(daemon);
      daemon.lastSeq = undefined;
      daemon.passes = createJobPasses({
        db: pool,
        job,
        holderId: () => daemon.holderId,
        fillSlots: createFillSlots(),
        pace,
        clock,
        async onComplete() {
          completions += 1;
        },
        onFullPass: () => undefined,
        onIncomplete: async () => undefined,
      });
      if (known?.generation === job.generation) daemon.passes.request();
    }
    if (daemon.isMarked) daemon.passes?.request();
    daemon.isMarked = false;
    daemon.prepared = job;
    return true;
  }

  async function dropWork(daemon: Daemon): Promise<void> {
    for (const batch of daemon.batches.splice(0)) await releaseBatch(pool, batch);
  }

  /** Runs what a daemon does with the job; an error that may come makes it prepare the job again. */
  async function guard(daemon: Daemon, name: DaemonName, isLate: boolean, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
    } catch (error) {
      if (error instanceof Mismatch) throw error;
      const isBehind =
        model.preparedAt[name] !== model.changes || daemon.prepared?.generation !== model.registered?.generation;
      // Of a former life everything may fail: who came after it has prepared the job since.
      const mayFail = isLate || isBehind || hasCode(error, 'JOB_CHANGED');
      if (!mayFail) throw new Mismatch(`${name} failed: ${error}`);
      if (isLate) return true;
      await dropWork(daemon);
      daemon.prepared = undefined;
      daemon.passes = undefined;
    }
    return true;
  }

  async function write(job: PreparedJob, batch: EmbeddingBatch, isAnswered: boolean): Promise<void> {
    const answers = batch.rows.map(({ text, known }): RowAnswer | DocumentAnswer => {
      if (!isAnswered) return { error: 'unavailable', isRow: false };
      if (isBad(text)) return { error: 'a bad text', isRow: true, mostAttempts: MOST_ATTEMPTS };
      if (job.table.chunks === undefined) return vectorOf(text, job.model);
      const chunks = [...planChunks(linesOf(text), known)];
      return {
        chunks: chunks.map((chunk) => ({
          ...chunk,
          vector: chunk.from === undefined ? vectorOf(chunk.text, job.model) : undefined,
        })),
      };
    });
    await writeVectors(pool, job, batch, answers);
  }

  async function take(step: DaemonStep): Promise<boolean> {
    nowMs += STEP_MS;
    if (step.do === 'wait' || step.do === 'wait for an hour') {
      if (step.do === 'wait for an hour') nowMs += HOUR_MS;
      await stage.admin.query('update lamplighter.embedding_batch set due_at = clock_timestamp() where holder is null');
      return true;
    }
    const { by } = step;
    const daemon = living[by];
    const job = daemon.prepared;
    switch (step.do) {
      case 'prepare':
        return prepare(by, daemon);
      case 'rescue':
        await rescueBatches(pool);
        return true;
      case 'bury':
        await stage.admin.query(`update lamplighter.worker set status = 'dead', died_at = now() where worker_id = $1`, [
          daemon.holderId,
        ]);
        late[by].push(daemon);
        living[by] = await start();
        return true;
      case 'claim':
        if (job === undefined || daemon.batches.length > 1) return false;
        return guard(daemon, by, false, async () => {
          const claim = await claimChanges(pool, job, {
            holderId: daemon.holderId,
            limit: step.limit,
            after: step.isFullLook ? undefined : daemon.lastSeq,
          });
          daemon.lastSeq = claim.last ?? daemon.lastSeq;
          if (claim.batch !== undefined) daemon.batches.push(claim.batch);
          if (claim.isMarked) {
            daemon.passes?.request();
            daemon.isMarked = true;
            // As at once, in a daemon.
            await prepare(by, daemon);
          }
        });
      case 'page': {
        const { passes } = daemon;
        if (passes === undefined || daemon.batches.length > 1) return false;
        return guard(daemon, by, false, async () => {
          const before = await readPass(stage, model.registered?.id ?? '');
          const page = await passes.step(step.limit, daemon.batches.length === 0);
          if (page.kind === 'page' && page.batch !== undefined) daemon.batches.push(page.batch);
          const after = await readPass(stage, model.registered?.id ?? '');
          if (before.number === after.number) return;
          model.isMoved = false;
          if (!after.isFull) return;
          model.wasUnseen = model.isUnseen;
          model.isUnseen = false;
        });
      }
      case 'write': {
        const [batch] = daemon.batches;
        if (job === undefined || batch === undefined) return false;
        return guard(daemon, by, false, async () => {
          await write(job, batch, step.isAnswered);
          daemon.batches.shift();
        });
      }
      case 'write late': {
        const former = late[by].find(({ batches }) => batches.length > 0);
        const batch = former?.batches.shift();
        if (former?.prepared === undefined || batch === undefined) return false;
        const { prepared } = former;
        const { rowCount } = await stage.admin.query(
          'select from lamplighter.embedding_batch where id = $1 and holder = $2',
          [batch.id, batch.holderId],
        );
        let isDone = false;
        await guard(former, by, true, async () => {
          await write(prepared, batch, step.isAnswered);
          isDone = true;
        });
        // Until somebody rescues it, it is its own.
        if (isDone && rowCount === 0) throw new Mismatch(`${by} wrote a batch that it had lost`);
        return true;
      }
      case 'release': {
        const batch = daemon.batches.shift();
        if (batch === undefined) return false;
        await releaseBatch(pool, batch);
        return true;
      }
    }
  }

  return {
    take,
    takeCompletions() {
      const taken = completions;
      completions = 0;
      return taken;
    },
  };
}

async function readPass(
  { admin }: VectorStage,
  job: string,
): Promise<{ readonly number: number; readonly isFull: boolean }> {
  const { rows } = await admin.query<{ number: number; isFull: boolean }>(
    'select p.pass_number::int as number, p.pass_is_full as "isFull" from lamplighter.embedding_progress as p where p.job::text = $1',
    [job],
  );
  return rows[0] ?? { number: 0, isFull: false };
}
