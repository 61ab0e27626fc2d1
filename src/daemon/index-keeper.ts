import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { hasCode, isLamplighterError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Trouble } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Pool } from '../db/pool.ts';
import type { Session } from '../db/session.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import { beginIndexWork, buildIndex } from '../embeddings/index/build-index.ts';
import { findIndexWork, type IndexedColumn, type IndexFinding } from '../embeddings/index/find-index-work.ts';
import { type IndexState, recordIndex } from '../embeddings/index/record-index.ts';

const CHECK_MS = 1_000;
/** How often an index that is there, or cannot be, is checked again. */
const RECHECK_MS = 60_000;
/** A build that has failed is hours of work on a large table: it is tried again later and later. */
const AGAIN = { baseMs: RECHECK_MS, capMs: 3_600_000 };
/** How long a build that is not wanted any more may take to stop. */
const CANCEL_MS = 10_000;
const CANCEL_CHECK_MS = 100;

/** A session beside the pool, and what closes it and gives its room back; undefined while there is no room for one. */
export type OpenIndexSession = (
  signal: AbortSignal,
) => Promise<{ readonly session: Session; close(): Promise<void> } | undefined>;

export interface IndexKeeperDeps {
  readonly db: Pool;
  /** The job's id in the database of the table. */
  readonly jobId: string;
  readonly column: IndexedColumn;
  readonly openSession: OpenIndexSession;
  /** Every row has its vector, and this daemon makes the passes of the job. */
  readonly isComplete: () => boolean;
  readonly log: Logger;
  readonly trouble: Trouble;
  readonly clock: Clock;
}

/** The index that a job asks for. */
export interface IndexKeeper extends Service {
  /** Ends the watch. A build goes on in the server, where the next daemon finds it. */
  stop(): Promise<void>;
  /** The same, and breaks off a build of ours: the job wants none any more, or not yet. */
  cancel(): Promise<void>;
}

/**
 * Duty: builds the index once every row has its vector, in a session of its own, so that vectors are written meanwhile; checks it from then
 * on, and builds it again when it is missing or invalid. Of several daemons one builds. A failure here does not hold up vectors: it is
 * reported in `lamplighter.embedding_status` and the log. If the process dies, the server finishes what it builds; a server that dies
 * leaves an invalid index behind, which the next check drops.
 */
export function startIndexKeeper(deps: IndexKeeperDeps): IndexKeeper {
  const { db, jobId, column, openSession, isComplete, log, trouble, clock } = deps;
  const place = `${column.schema}.${column.table}.${column.column}`;
  let nextMs = CHECK_MS;
  let failures = 0;
  let told: string | undefined;
  let isBuilding = false;
  /** The last build was left to the server. */
  let isLeft = false;

  async function tell(state: IndexState): Promise<void> {
    await recordIndex(db, jobId, state);
    const { reason, name } = state;
    const text = `${state.state} ${state.state === 'building' ? '' : reason}`;
    if (text === told) return;
    told = text;
    if (state.state === 'failed') log.warn({ job: jobId }, `the index on ${place} cannot be built: ${reason}`);
    if (state.state === 'built') log.info({ job: jobId }, `${place} has its index ${name}`);
    if (state.state === 'building')
      log.info({ job: jobId }, `building the index ${name} on ${place}: vectors are written meanwhile`);
  }

  async function showBuild(name: string, finding: IndexFinding, pid: number | undefined): Promise<void> {
    const { percent, phase, blockedBy } =
      finding.kind === 'building'
        ? { percent: Math.round(finding.part * 1_000) / 10, phase: finding.phase, blockedBy: finding.blockedBy }
        : { percent: undefined, phase: 'waiting for the table', blockedBy: await readBlockers(db, pid) };
    const waits = blockedBy.length === 0 ? '' : `, waits for transactions of the processes ${blockedBy.join(', ')}`;
    await tell({ state: 'building', name, percent, reason: `${phase}${waits}` });
  }

  async function build(name: string, signal: AbortSignal): Promise<void> {
    const opened = await openSession(signal);
    if (opened === undefined) {
      await tell({
        state: 'waiting',
        name,
        reason: 'another index is being built, or --max-connections leaves no room for its session',
      });
      return;
    }
    const { session } = opened;
    try {
      // Another daemon builds; what it does is seen at the next check.
      if (!(await beginIndexWork(session, jobId))) return;
      const finding = await findIndexWork(db, column);
      if (finding.kind !== 'due') return;
      isBuilding = true;
      const work = buildIndex(session, db, finding.steps, { clock, signal });
      let isRunning = true;
      const ended = work
        .then(
          () => undefined,
          (error: unknown) => ({ error }),
        )
        .finally(() => {
          isRunning = false;
        });
      while (isRunning && !signal.aborted) {
        await showBuild(name, await findIndexWork(db, column), session.processId);
        await Promise.race([ended, clock.delay(CHECK_MS, signal)]);
      }
      if (isRunning) {
        isLeft = true;
        session.destroy();
      }
      const failure = await ended;
      if (failure === undefined) failures = 0;
      else throw failure.error;
    } finally {
      isBuilding = false;
      await opened.close();
    }
  }

  async function runOnce(signal: AbortSignal): Promise<void> {
    nextMs = CHECK_MS;
    if (!isComplete()) return;
    const finding = await findIndexWork(db, column);
    if (finding.kind === 'refused') {
      nextMs = RECHECK_MS;
      await tell({ state: 'failed', reason: finding.reason });
    } else if (finding.kind === 'built') {
      nextMs = RECHECK_MS;
      await tell({ state: 'built', name: finding.name, percent: 100 });
    } else if (finding.kind === 'building') {
      await showBuild(finding.name, finding, finding.pid);
    } else {
      try {
        await build(finding.name, signal);
      } catch (error) {
        if (signal.aborted || hasCode(error, 'ABORTED')) return;
        if (classifySqlState(error) === 'environment' || isLamplighterError(error)) throw error;
        failures += 1;
        nextMs = backoffMs(failures, undefined, AGAIN);
        await tell({ state: 'failed', name: finding.name, reason: messageOf(error) });
      }
    }
  }

  const loop = startLoop({ clock, trouble, intervalMs: () => nextMs, runOnce });

  /** Only what has our name: others may build what they like. */
  async function breakOff(): Promise<void> {
    const startedMs = clock.nowMs();
    while (clock.nowMs() - startedMs < CANCEL_MS) {
      const finding = await findIndexWork(db, column);
      if (finding.kind !== 'building') {
        const drops = finding.kind === 'due' ? finding.steps.filter(({ kind }) => kind === 'drop') : [];
        const signal = AbortSignal.timeout(CANCEL_MS);
        const opened = drops.length === 0 ? undefined : await openSession(signal);
        try {
          if (opened !== undefined && (await beginIndexWork(opened.session, jobId))) {
            await buildIndex(opened.session, db, drops, { clock, signal });
          }
        } finally {
          await opened?.close();
        }
        return;
      }
      await db.query('select pg_catalog.pg_cancel_backend($1)', [finding.pid]);
      await clock.delay(CANCEL_CHECK_MS);
    }
  }

  let ending: Promise<void> | undefined;
  const stop = () => {
    ending ??= loop.stop();
    return ending;
  };
  return {
    stop,
    async cancel() {
      const wasBuilding = isBuilding;
      await stop();
      if (wasBuilding || isLeft) await breakOff();
      await recordIndex(db, jobId, undefined);
    },
  };
}

async function readBlockers(db: Pool, pid: number | undefined): Promise<readonly number[]> {
  const { rows } = await db.query<{ pids: number[] }>('select pg_catalog.pg_blocking_pids($1) as pids', [pid ?? 0]);
  return rows[0]?.pids ?? [];
}
