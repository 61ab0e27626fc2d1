import type { Clock } from '../core/clock.ts';
import type { Pool } from '../db/pool.ts';
import { claimJob, FULL_PASS_MS, startPass } from '../embeddings/claim-job.ts';
import type { EmbeddingBatch } from '../embeddings/embedding-batch.ts';
import type { PreparedJob } from '../embeddings/job-spec.ts';
import { readTableActivity } from '../embeddings/read-table-activity.ts';
import { type ScanPage, scanPage } from '../embeddings/scan-page.ts';
import type { FillSlots } from './fill-slots.ts';
import type { Pace } from './pace.ts';

/** How often a daemon says that it makes the passes of a job. */
const CLAIM_MS = 5_000;
/** How often the others ask whether it still does: this adds to the lease of one that has died. */
const ASK_MS = 1_000;
/**
 * Pages are as large as this time allows: short statements, few of them. On a busy machine the ten round trips of a page take 20 ms by
 * themselves: with less time than this, pages shrank to their least there, and a pass cost several times as much.
 */
const PAGE_MS = 100;
const BLOCKS = { least: 8, most: 4_096 };
/** A block may hold the places of a hundred images of some hundred kB each, all of which a page reads. */
const IMAGE_BLOCKS = { least: 1, most: 16 };
/** Pause before rows are looked for again that a pass has found and that wait, as somebody holds them locked. */
const WAITING_MS = 1_000;
/** A table whose rows come and go is counted again so long after the last pass, and at most a twentieth of the time. */
const COUNT_AGAIN_MS = 5_000;
const COUNT_SHARE = 20;

export interface JobPassesDeps {
  readonly db: Pool;
  readonly job: PreparedJob;
  readonly holderId: () => string;
  readonly fillSlots: FillSlots;
  readonly pace: Pace;
  readonly clock: Clock;
  /** A pass over the whole table has found nothing: it is complete. Told as well when its passes are taken over and nothing is due. */
  readonly onComplete: () => Promise<void>;
  /** A full pass has found nothing. */
  readonly onFullPass: () => void;
  /** Passes are taken over, or begin, that have rows to find. */
  readonly onIncomplete: () => Promise<void>;
}

/** `waiting`: nothing can be done before `inMs`; `idle`: no pass is due, or another daemon makes them. */
export type PageStep =
  | { readonly kind: 'page'; readonly batch: EmbeddingBatch | undefined }
  | { readonly kind: 'waiting'; readonly inMs: number }
  | { readonly kind: 'idle' };

/** The passes over the table of one job, by one daemon at a time. */
export interface JobPasses {
  /** True until a pass has found nothing: then passes are paced. */
  readonly isBackfill: boolean;
  /** This daemon makes the passes, and none that it knows of is due. */
  readonly isComplete: boolean;
  /** Makes a full pass as soon as may be. */
  request(): void;
  /**
   * One page. A pass that found rows is followed by another one, once all that it found has been worked off: after a full one that was not
   * the first, by a full one.
   *
   * @param isSettled nothing that a pass has found is in flight or waits.
   */
  step(limit: number, isSettled: boolean): Promise<PageStep>;
  /** Nothing comes of it for now: another job may be filled meanwhile. */
  rest(): void;
  /** Makes no more passes. */
  end(): void;
}

interface Pass {
  readonly isFull: boolean;
  /** Rows that it should have found may have moved to where it had been, their former vectors with them: only another full one finds these. */
  readonly isRepeated: boolean;
  isRunning: boolean;
  found: number;
}

export function createJobPasses({
  db,
  job,
  holderId,
  fillSlots,
  pace,
  clock,
  onComplete,
  onFullPass,
  onIncomplete,
}: JobPassesDeps): JobPasses {
  let claimedMs = Number.NEGATIVE_INFINITY;
  let claimedBy: string | undefined;
  let isOwn = false;
  let isRequested = false;
  let isBackfill = true;
  let pass: Pass | undefined;
  let nextFullMs = Number.NEGATIVE_INFINITY;
  /** There was a full pass before: rows may have vectors that are stale. */
  let hasFullPass = false;
  const bounds = job.table.srcKind === 'bytes' ? IMAGE_BLOCKS : BLOCKS;
  let blocks = bounds.least;
  /** The earliest time for a pass that follows one that found rows. */
  let followUpMs = Number.NEGATIVE_INFINITY;
  let hasTaken = false;
  /** What the server had counted of the table's rows when the last pass began, and when it may be compared. */
  let counted: string | undefined;
  let countAgainMs = Number.NEGATIVE_INFINITY;
  let startedMs = Number.NEGATIVE_INFINITY;
  let isMoved = false;
  let isOver = false;
  const me = {};

  async function claim(): Promise<void> {
    const holder = holderId();
    const nowMs = clock.nowMs();
    const claimed = await claimJob(db, job.id, holder);
    // Under another lease, others may have made passes meanwhile.
    const wasOwn = isOwn && claimedBy === holder;
    claimedMs = nowMs;
    claimedBy = holder;
    isOwn = claimed !== undefined;
    if (claimed === undefined) return;
    isRequested ||= claimed.isPassDue;
    if (pass?.isRunning === false && nowMs >= countAgainMs) {
      isMoved = (await readTableActivity(db, job.table)) !== counted;
    }
    if (wasOwn) return;
    // What another daemon, or this one under an earlier lease, has begun goes on.
    hasFullPass = claimed.hasFullPass;
    pass = claimed.pass === undefined ? undefined : { ...claimed.pass, isRepeated: claimed.pass.isFull && hasFullPass };
    nextFullMs = Number.NEGATIVE_INFINITY;
    isBackfill = true;
    if (!claimed.hasFullPass) return onIncomplete();
    nextFullMs = clock.nowMs() + Math.max(0, claimed.nextFullPassInMs);
    isBackfill = claimed.isPassDue || (pass !== undefined && (pass.isRunning || pass.found > 0));
    await (isBackfill ? onIncomplete() : onComplete());
  }

  async function start(isFull: boolean, isRepeat: boolean): Promise<void> {
    startedMs = clock.nowMs();
    counted = await readTableActivity(db, job.table);
    isMoved = false;
    hasTaken = false;
    isOwn = await startPass(db, job, holderId(), { isFull });
    if (!isOwn) return;
    // Once: on a table that is always written to, every full pass finds something.
    pass = { isFull, isRunning: true, found: 0, isRepeated: isFull && hasFullPass && !isRepeat };
    if (isFull) {
      isRequested = false;
      nextFullMs = clock.nowMs() + FULL_PASS_MS;
    }
  }

  async function readPage(current: Pass, limit: number): Promise<PageStep> {
    const pageMs = clock.nowMs();
    const page = await scanPage(db, job, { holderId: holderId(), limit, blocks });
    const tookMs = clock.nowMs() - pageMs;
    blocks = nextBlocks(blocks, bounds, page, limit, tookMs);
    if (isBackfill) pace.noteBackfillWork(tookMs);
    else pace.noteReconcilePage(tookMs, page.bytes);
    current.found = page.found;
    current.isRunning = !page.isEnd;
    hasTaken ||= page.batch !== undefined;
    if (page.isEnd) {
      hasFullPass ||= current.isFull;
      followUpMs = hasTaken ? Number.NEGATIVE_INFINITY : clock.nowMs() + WAITING_MS;
      countAgainMs = clock.nowMs() + Math.max(COUNT_AGAIN_MS, COUNT_SHARE * (clock.nowMs() - startedMs));
    }
    if (page.isEnd && page.found === 0) {
      isBackfill = false;
      fillSlots.leave(me);
      await onComplete();
      if (current.isFull) onFullPass();
    }
    return { kind: 'page', batch: page.batch };
  }

  return {
    rest: () => fillSlots.leave(me),
    end() {
      isOver = true;
      fillSlots.leave(me);
    },
    get isBackfill() {
      return isBackfill;
    },
    get isComplete() {
      return isOwn && !isBackfill && !isRequested;
    },
    request() {
      isRequested = true;
    },
    async step(limit, isSettled) {
      if (claimedBy !== holderId() || clock.nowMs() - claimedMs >= (isOwn ? CLAIM_MS : ASK_MS)) await claim();
      if (!isOwn || isOver || !isBackfill) fillSlots.leave(me);
      else if (!fillSlots.take(me)) return { kind: 'idle' };
      if (!isOwn || isOver) return { kind: 'idle' };
      if (isRequested && isSettled) await start(true, false);
      if (pass === undefined || !pass.isRunning) {
        const isDue = pass === undefined || clock.nowMs() >= nextFullMs;
        const isFollowUp = pass !== undefined && pass.found > 0;
        if (!isDue && !isFollowUp && !isMoved) return { kind: 'idle' };
        if (!isSettled) return { kind: 'idle' };
        if (!isDue && isFollowUp && clock.nowMs() < followUpMs)
          return { kind: 'waiting', inMs: followUpMs - clock.nowMs() };
        const isRepeat = !isDue && isFollowUp && pass?.isRepeated === true;
        await start(isDue || isRepeat, isRepeat);
      }
      const inMs = pace.pageInMs();
      if (inMs > 0) return { kind: 'waiting', inMs };
      return pass === undefined ? { kind: 'idle' } : readPage(pass, limit);
    },
  };
}

/** What is beyond the limit is read and hashed for nothing: a page is as large as its rows were dense. */
function nextBlocks(
  blocks: number,
  { least, most }: typeof BLOCKS,
  { isCut, blocks: read, batch }: ScanPage,
  limit: number,
  tookMs: number,
): number {
  const byTime =
    tookMs < PAGE_MS || isCut ? Math.min(most, blocks * 2) : Math.max(least, Math.floor((blocks * PAGE_MS) / tookMs));
  const found = batch?.rows.length ?? 0;
  if (found === 0) return byTime;
  return Math.min(byTime, Math.max(1, Math.round((read * limit) / found)));
}
