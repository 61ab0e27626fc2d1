import type { Logger } from '../../../core/log.ts';
import type { Troubles } from '../../../core/recurring-trouble.ts';
import type { Queryable } from '../../../db/query.ts';
import type { Duty } from '../../../process/duties.ts';
import { pruneCachedResults } from '../../../requests/cached-results.ts';
import { type PrunedWindow, pruneRequests, pruneWorkers } from '../../../requests/prune-requests.ts';

const INTERVAL_MS = 60_000;
const LIMIT = 5_000;
/** Requests that one pass scans without deleting them: reading them costs, and what cannot go now can wait. */
const MOST_IN_VAIN = 20_000;
const WORKER_AGE_MS = 86_400_000;
const FIRST_KEY = Buffer.alloc(0);

export interface PrunerDeps {
  readonly db: Queryable;
  /** Undefined keeps ended requests for ever. */
  readonly retentionMs: number | undefined;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/**
 * Duty: deletes ended requests past their retention, cached answers without a request, and workers that ended a day ago. Transactions are
 * small; a later pass takes what a death or a lock has left over.
 *
 * Requests are scanned by id, from where the last pass ended, as none of their indexes knows when they ended. Old ones come first by
 * nature: one cursor goes from the first to the first that are too young, and then begins again. Another goes through the whole table,
 * one step each pass, for what was queued out of order. What cannot be deleted is so scanned now and then, not in each pass.
 */
export function createPruner({ db, retentionMs, log, troubles }: PrunerDeps): Duty {
  let cacheKey: Buffer = FIRST_KEY;
  let afterId = '0';
  let roundAfterId = '0';
  let toldReason = '';
  let limit = LIMIT;

  async function prune(olderThanMs: number, from: string): Promise<PrunedWindow> {
    const window = await pruneRequests(db, { olderThanMs, afterId: from, limit }).catch((error: unknown) => {
      // The same step would fail again.
      limit = Math.ceil(limit / 8);
      throw error;
    });
    limit = Math.min(limit * 2, LIMIT);
    const { pruned, held } = window;
    if (pruned > 0) log.info({ pruned }, 'deleted ended requests past their retention');
    if (held !== undefined && held.reason !== toldReason) {
      toldReason = held.reason;
      log.warn(held, 'requests past their retention cannot be deleted, and are kept');
    }
    return window;
  }

  async function pruneOld(olderThanMs: number, signal: AbortSignal): Promise<void> {
    let inVain = 0;
    let isOver = false;
    while (!isOver && inVain < MOST_IN_VAIN && !signal.aborted) {
      const { scanned, pruned, lastId, isYoung } = await prune(olderThanMs, afterId);
      inVain += scanned - pruned;
      isOver = isYoung || lastId === undefined;
      afterId = isOver ? '0' : (lastId ?? '0');
    }
    do {
      const { scanned, pruned, lastId } = await prune(olderThanMs, roundAfterId);
      inVain = scanned - pruned;
      roundAfterId = lastId ?? '0';
      isOver = lastId === undefined;
    } while (!isOver && inVain < LIMIT / 2 && !signal.aborted);
  }

  return {
    // Workers may be told different retentions: the shortest one counts.
    name: () => (retentionMs === undefined ? 'prune' : `prune_after_${retentionMs}ms`),
    intervalMs: retentionMs === undefined ? INTERVAL_MS : Math.min(INTERVAL_MS, Math.max(1_000, retentionMs / 2)),
    async run(_heartbeat, signal) {
      await pruneWorkers(db, WORKER_AGE_MS);
      cacheKey = (await pruneCachedResults(db, cacheKey, LIMIT)) ?? FIRST_KEY;
      if (retentionMs !== undefined) await pruneOld(retentionMs, signal);
    },
    trouble: troubles.define('prune'),
  };
}
