import type { Clock } from '../core/clock.ts';
import type { Pool } from '../db/pool.ts';
import { claimChanges } from '../embeddings/claim-changes.ts';
import type { EmbeddingBatch } from '../embeddings/embedding-batch.ts';
import type { PreparedJob } from '../embeddings/job-spec.ts';
import type { BatchWorker } from './batch-worker.ts';
import type { JobPasses, PageStep } from './job-passes.ts';
import { aloneMsAfter } from './lone-turn.ts';
import type { ModelTurns, TurnKind } from './model-turns.ts';
import type { Pace } from './pace.ts';
import type { TokenBudget } from './token-budget.ts';

/** Batches of one job between claim and write: while one is being written, the model works on the other. */
export const BATCHES_IN_FLIGHT = 2;
/** Claimed from a model that may fail again. */
const DOUBTFUL_ROWS = 8;
/** What is claimed after a sequence number misses a late commit with a lower one. */
const FULL_SCAN_MS = 1_000;
export const IDLE_MS = 1_000;
/** After so many claims of changes in a row comes a page, so that a table that is always written to is filled all the same. */
const PAGE_EVERY = 4;

/** A job that can be worked on. */
export interface ReadyJob {
  readonly job: PreparedJob;
  readonly turns: ModelTurns;
  readonly passes: JobPasses;
  readonly pace: Pace;
  readonly budget: TokenBudget | undefined;
  readonly work: BatchWorker;
  /** Batches of passes in flight. */
  passBatches: number;
  /** All batches in flight. */
  batches: number;
  /** What may kill the process and was claimed lately: nothing is taken beside it. */
  quarantined: EmbeddingBatch | undefined;
  /** Claims since the last page, each of which has found something. */
  claimsInARow: number;
  lastSeq: string | undefined;
  fullScanMs: number;
}

export interface WorkOffDeps {
  readonly db: Pool;
  readonly holderId: () => string;
  /** Most rows of a batch. */
  readonly limit: number;
  /** False once the job was prepared anew, or is no longer wanted. */
  readonly isCurrent: () => boolean;
  /** Changed rows were found: more may come soon. */
  readonly onClaimed: () => void;
  /** Capture could not tell what changed. */
  readonly onMarked: () => void;
  /** A pass has gone one page further. */
  readonly onPage: () => Promise<void>;
  readonly onBatchDone: () => void;
  readonly clock: Clock;
}

/**
 * Claims and embeds until nothing is left to claim, or nothing more fits: what changed goes before most of what passes find. Resolves with how many
 * milliseconds to wait before trying again; a batch that is done is a reason to try at once.
 *
 * @throws LamplighterError JOB_CHANGED, LEASE_LOST; the server's errors.
 */
export async function workOff(deps: WorkOffDeps, own: ReadyJob, signal: AbortSignal): Promise<number> {
  const { db, holderId, limit: most, isCurrent, onClaimed, onMarked, onPage, onBatchDone, clock } = deps;

  async function readPage(limit: number): Promise<PageStep> {
    const step = await own.passes.step(limit, own.passBatches === 0);
    if (step.kind !== 'page') return step;
    if (step.batch !== undefined) embed(own, step.batch, 'pass', onBatchDone, clock);
    await onPage();
    return step;
  }

  while (!signal.aborted && isCurrent() && own.batches < BATCHES_IN_FLIGHT && own.quarantined === undefined) {
    const waitMs = Math.max(own.turns.pauseMs, own.pace.rowsInMs());
    // Another one's probe tells soon enough.
    if (waitMs > 0 || (own.turns.isDoubtful && own.batches > 0)) {
      if (own.turns.pauseMs > 0) own.passes.rest();
      return Math.min(IDLE_MS, Math.max(10, waitMs));
    }
    if ((await own.budget?.hasRoom()) === false) {
      own.passes.rest();
      return IDLE_MS;
    }
    const limit = own.pace.atMost(own.turns.isDoubtful ? DOUBTFUL_ROWS : most);
    if (own.claimsInARow >= PAGE_EVERY) {
      own.claimsInARow = 0;
      await readPage(limit);
      continue;
    }
    const isFullScan = clock.nowMs() - own.fullScanMs >= FULL_SCAN_MS;
    if (isFullScan) own.fullScanMs = clock.nowMs();
    const after = isFullScan ? undefined : own.lastSeq;
    const claim = await claimChanges(db, own.job, {
      holderId: holderId(),
      limit,
      ...(after === undefined ? {} : { after }),
    });
    own.lastSeq = claim.last ?? own.lastSeq;
    if (claim.isMarked) onMarked();
    if (claim.taken > 0) onClaimed();
    if (claim.batch !== undefined) embed(own, claim.batch, 'live', onBatchDone, clock);
    if (claim.batch !== undefined || claim.taken > 0) {
      own.claimsInARow += 1;
      continue;
    }
    own.claimsInARow = 0;
    if (claim.isMarked) return IDLE_MS;
    const step = await readPage(limit);
    if (step.kind === 'page') continue;
    return step.kind === 'waiting' ? Math.min(IDLE_MS, step.inMs) : IDLE_MS;
  }
  return IDLE_MS;
}

function embed(own: ReadyJob, batch: EmbeddingBatch, kind: TurnKind, onDone: () => void, clock: Clock): void {
  own.batches += 1;
  own.passBatches += kind === 'pass' ? 1 : 0;
  own.pace.noteRows(batch.rows.length);
  const over = new AbortController();
  void own.work(batch, kind).finally(() => {
    over.abort();
    own.batches -= 1;
    own.passBatches -= kind === 'pass' ? 1 : 0;
    onDone();
  });
  if (batch.deaths === 0) return;
  own.quarantined = batch;
  void clock.delay(aloneMsAfter(batch.deaths), over.signal).then(() => {
    if (own.quarantined === batch) own.quarantined = undefined;
    onDone();
  });
}
