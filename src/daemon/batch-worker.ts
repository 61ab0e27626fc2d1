import type { Span } from '@opentelemetry/api';
import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { hasCode, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Trouble } from '../core/recurring-trouble.ts';
import type { Pool } from '../db/pool.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import { type EmbeddingBatch, isolateBatch, releaseBatch } from '../embeddings/embedding-batch.ts';
import type { PreparedJob } from '../embeddings/job-spec.ts';
import { type WriteReport, writeVectors } from '../embeddings/write-vectors.ts';
import type { Model } from '../models/port.ts';
import type { LaneMeter } from '../monitoring/meter.ts';
import type { LeaseHolder } from '../process/workload.ts';
import { noteFault, noteOutage, noteWritten, startBatchSpan } from './batch-span.ts';
import { createDocumentEmbedder, type EmbeddedDocuments } from './embed-documents.ts';
import { type EmbeddedRows, type EmbedUsage, embedRows } from './embed-rows.ts';
import type { InFlightBatch, InFlightBatches } from './in-flight-batches.ts';
import { aloneMsAfter, type LoneTurn } from './lone-turn.ts';
import type { ModelTurns, TurnKind } from './model-turns.ts';
import type { TokenBudget } from './token-budget.ts';

/** A text that was alone in the hands of so many processes that died is charged untried: twice, as it may be another one by now. */
const MOST_LONE_DEATHS = 2;
const DEADLY = {
  error: 'The daemon died, or stood still for longer than its lease, each time it embedded this row alone',
  isRow: true,
  mostAttempts: 2,
};
/** After a try to embed it alone for which others left no room in time. */
const BUSY_DELAY_MS = 10_000;
const RETRY_WRITE = { baseMs: 100, capMs: 5_000 };
/** How long the others wait for the database to know that a row is not alone any more. */
const END_ISOLATION_MS = 5_000;
/** A fault nobody has foreseen must not turn into a loop. */
const FAULT_DELAY_MS = 10_000;

export interface BatchWorkerDeps {
  readonly db: Pool;
  readonly job: PreparedJob;
  readonly model: Model;
  readonly turns: ModelTurns;
  readonly loneTurn: LoneTurn;
  readonly batchSize: number | undefined;
  readonly budget: TokenBudget | undefined;
  readonly inFlight: InFlightBatches;
  readonly lease: Pick<LeaseHolder, 'check'>;
  readonly trouble: Trouble;
  readonly measured: LaneMeter;
  readonly log: Logger;
  readonly clock: Clock;
  /** Vectors were written, which took the database so long. */
  readonly onWritten: (report: WriteReport, kind: TurnKind, ms: number) => void;
  /** Its vectors cannot be written for now: they wait for the database. */
  readonly onStalled: () => void;
  /** The job is not what it was: prepare it again. */
  readonly onChanged: () => void;
  /** The job cannot go on until a user fixes the problem of this sentence. */
  readonly onConfigError: (reason: string) => void;
}

/** Turns a claimed batch into vectors in the table; never rejects. What cannot be done is given back, or reported. */
export type BatchWorker = (batch: EmbeddingBatch, kind: TurnKind) => Promise<void>;

export function createBatchWorker(deps: BatchWorkerDeps): BatchWorker {
  const {
    db,
    job,
    model,
    turns,
    loneTurn,
    batchSize,
    budget,
    inFlight,
    lease,
    trouble,
    measured,
    log,
    clock,
    onWritten,
    onStalled,
    onChanged,
    onConfigError,
  } = deps;

  let isTruncationTold = false;
  const documents = job.table.chunks === undefined ? undefined : createDocumentEmbedder(job.table.chunks);

  async function giveBack(
    batch: EmbeddingBatch,
    delayMs = 0,
    { tokens, day }: Partial<EmbedUsage> = {},
  ): Promise<void> {
    if (tokens !== undefined && day !== undefined) {
      await budget
        ?.settle(tokens, day)
        .catch((error: unknown) => log.debug({ err: error }, 'could not give tokens of the day back'));
    }
    // Where it cannot be given back, the lease runs out.
    await releaseBatch(db, batch, { delayMs }).catch((error: unknown) =>
      log.debug({ err: error }, 'could not give a batch of rows back'),
    );
  }

  /** Vectors are dear: while the database is away, they are kept until the lease is lost. */
  async function write(
    { batch, signal }: InFlightBatch,
    { answers, usage: { calls, tokens, day, truncated }, ...rest }: EmbeddedRows | EmbeddedDocuments,
  ): Promise<WriteReport> {
    const told = {
      calls,
      texts: 'texts' in rest ? rest.texts : answers.filter((answer) => !isGivenBack(answer)).length,
      ...(tokens === undefined ? {} : { tokens }),
      ...(day === undefined ? {} : { day }),
      ...(truncated === undefined ? {} : { truncated }),
    };
    for (let failures = 1; ; failures += 1) {
      try {
        return await writeVectors(db, job, batch, answers, told);
      } catch (error) {
        const kind = classifySqlState(error);
        if (signal.aborted || (kind !== 'environment' && kind !== 'backpressure' && kind !== 'conflict')) throw error;
        trouble.note(error);
        onStalled();
        await clock.delay(backoffMs(failures, undefined, RETRY_WRITE), signal);
        signal.throwIfAborted();
      }
    }
  }

  /** A batch is one run, whatever it wrote: its rows have no times of their own. */
  function measure({ written, failed }: WriteReport, tokens: number | undefined, runMs: number): void {
    measured.noteEnd('completed', runMs, written);
    for (const { isFinal } of failed) {
      if (isFinal) measured.noteEnd('failed', undefined);
      else measured.noteRetry(undefined);
    }
    if (tokens !== undefined) measured.noteTokens(tokens);
  }

  /**
   * One row that has seen a death is asked for with nothing beside it, for a while: what another job has at a model must not die of it again.
   * Undefined: it is not its turn yet.
   */
  function inTurn<T>({ batch, signal }: InFlightBatch, embed: () => Promise<T>): Promise<T | undefined> {
    const [row] = batch.rows;
    if (batch.deaths === 0 || row === undefined || batch.rows.length > 1) return loneTurn.among(signal, embed);
    const onCompany = (over: AbortSignal) => endIsolation(batch, row.key, over);
    return loneTurn.alone(signal, { aloneMs: aloneMsAfter(batch.deaths), onCompany }, async () => {
      await isolateBatch(db, batch, row.key, true);
      try {
        return await embed();
      } finally {
        // The others go on then, while its vector is still to be written.
        await endIsolation(batch, row.key, AbortSignal.any([signal, AbortSignal.timeout(END_ISOLATION_MS)]));
      }
    });
  }

  /** Notes that a row is not alone any more: until then, a death would be held against that row alone. */
  async function endIsolation(batch: EmbeddingBatch, key: string, over: AbortSignal): Promise<void> {
    for (let failures = 1; !over.aborted; failures += 1) {
      try {
        return await isolateBatch(db, batch, key, false);
      } catch (error) {
        log.debug({ err: error }, 'could not note that a row is not alone any more');
        await clock.delay(backoffMs(failures, undefined, RETRY_WRITE), over);
      }
    }
  }

  async function work(entry: InFlightBatch, kind: TurnKind, span: Span | undefined): Promise<void> {
    const { batch, signal } = entry;
    const claimedMs = clock.nowMs();
    if (batch.attempt === 1) measured.noteEnqueued(batch.rows.length);
    const options = { model, dimensions: job.dimensions, turns, kind, batchSize, budget, signal, span };
    const untried: EmbeddedRows = {
      answers: batch.rows.map(() => DEADLY),
      usage: { calls: 0, tokens: undefined, truncated: undefined },
    };
    const embedded =
      batch.loneDeaths >= MOST_LONE_DEATHS
        ? untried
        : await inTurn<EmbeddedRows | EmbeddedDocuments>(
            entry,
            async () => documents?.embed(batch.rows, options) ?? embedRows(batch.rows, options),
          );
    if (embedded === undefined) return giveBack(batch, BUSY_DELAY_MS);
    if (embedded.wrongDimensions !== undefined) {
      onConfigError(
        `${embedded.wrongDimensions}. The old vectors stay; name another dst_column for vectors of another length.`,
      );
      return giveBack(batch);
    }
    if (embedded.outage !== undefined) {
      noteOutage(span);
      return giveBack(batch, turns.pauseMs, embedded.usage);
    }
    const startedMs = clock.nowMs();
    const report = await write(entry, embedded);
    noteWritten(span, report);
    budget?.noteAnswer();
    trouble.settle();
    measure(report, embedded.usage.tokens, clock.nowMs() - claimedMs);
    const { truncated = 0 } = embedded.usage;
    if (truncated > 0 && !isTruncationTold) {
      isTruncationTold = true;
      log.warn(
        { job: job.id, truncated },
        `texts of ${job.table.name} are longer than ${model.name} reads, and their ends are not in the vectors: see truncated in lamplighter.embedding_status`,
      );
    }
    for (const { key, error, isFinal } of report.failed) {
      if (isFinal)
        log.warn({ job: job.id, key, error }, 'a row cannot be embedded: see lamplighter.embedding_failures');
    }
    onWritten(report, kind, clock.nowMs() - startedMs);
  }

  async function settle({ batch, signal }: InFlightBatch, error: unknown): Promise<void> {
    if (signal.aborted) {
      if (signal.reason !== 'lost') await giveBack(batch);
    } else if (hasCode(error, 'LEASE_LOST')) lease.check();
    else if (hasCode(error, 'JOB_CHANGED')) {
      onChanged();
      await giveBack(batch);
    } else if (hasCode(error, 'JOB_INVALID')) {
      const hint = error.hint === undefined ? '' : `. ${error.hint}`;
      onConfigError(`${messageOf(error)}${hint}`);
    } else {
      trouble.note(error);
      await giveBack(batch, FAULT_DELAY_MS);
    }
  }

  return (batch, kind) =>
    inFlight.hold(batch, job.id, async (entry) => {
      const span = startBatchSpan(job.id, batch, kind);
      try {
        await work(entry, kind, span);
      } catch (error) {
        if (!entry.signal.aborted) noteFault(span, error);
        await settle(entry, error);
      } finally {
        span?.end();
      }
    });
}

function isGivenBack(answer: EmbeddedDocuments['answers'][number]): boolean {
  return 'isRow' in answer && !answer.isRow;
}
