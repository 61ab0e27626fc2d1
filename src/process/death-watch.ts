import { HOST_PREFIX, hasEnded } from '../core/host-process.ts';
import type { Trouble } from '../core/recurring-trouble.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import type { Duty, Heartbeat } from './duties.ts';

const DECLARE_DEATHS = loadQuery('declare_deaths');
const LIST_HOST_PROCESSES = loadQuery('list_host_processes');
const WAS_STANDBY = loadQuery('was_standby');
/** What the clock of the server may gain on that of the process between two heartbeats before it counts as set. */
const STEP_MS = 1_000;

/** What is known of the server, for judging who is silent. */
export interface Reachability {
  /** How long the server has been reachable, and its clock has gone evenly; undefined: as long as anybody remembers. */
  readonly reachableMs: number | undefined;
  /** The time of the server as of which silence is judged, in milliseconds since 1970: its clock may be set right afterwards. */
  readonly nowMs: number;
}

/** Takes back what dead processes had in flight, for one workload. */
export interface Rescue {
  /** The duty's name, such as `rescue_requests`: whoever offers the same one takes turns. */
  readonly name: string;
  /** May be run by several processes at once, and each may die halfway. */
  run(reachability: Reachability, signal: AbortSignal): Promise<void>;
  readonly trouble: Trouble;
}

export interface DeathWatchDeps {
  readonly db: Queryable;
  readonly intervalMs: number;
  /** The lease of this process: whoever has known the server for so long can judge others like it. */
  readonly leaseMs: number;
  readonly rescues: readonly Rescue[];
}

/**
 * The rescues as duties, one each. Before each of them the processes whose lease ran out are declared dead, as far as their silence proves it.
 *
 * While the server is away nobody can renew a lease: after an outage everybody gets the time of their lease to come back. A process that
 * starts knows of no outage: the database tells of a restart by itself, but not of the time when a standby was promoted, so on a server
 * that may have been one the others get that time, too. So they do when the clock of the server was set forward: all of them look silent
 * then. Each process keeps that knowledge for itself, from its heartbeats, whoever does the duty; those who know too little to judge do it
 * in turns of their own, so that they never stand in the way of one who knows.
 *
 * A process of this host that has ended is dead after a quarter of its lease: the kernel tells. So one that was killed and started again goes
 * on where it was.
 */
export function createDeathWatch({ db, intervalMs, leaseMs, rescues }: DeathWatchDeps): Duty[] {
  const known = createReachability(leaseMs);
  let hasAskedForStandby = false;

  async function judge(heartbeat: Heartbeat): Promise<Reachability> {
    if (!hasAskedForStandby) {
      if (await wasStandby(db)) known.noteStandby();
      hasAskedForStandby = true;
    }
    return known.asOf(heartbeat);
  }

  return rescues.map(({ name, run, trouble }) => ({
    name: () => (known.isShort() ? `${name}_recent` : name),
    intervalMs,
    noteHeartbeat: known.note,
    async run(heartbeat, signal) {
      try {
        const reachability = await judge(heartbeat);
        await declareDeaths(db, reachability);
        await run(reachability, signal);
      } catch (error) {
        // What the server refused for any other reason tells that it is there.
        if (['environment', 'backpressure'].includes(classifySqlState(error))) known.note(undefined);
        throw error;
      }
    },
    trouble,
  }));
}

/** What the heartbeats of this process have told about the server. */
function createReachability(leaseMs: number) {
  let last: Heartbeat | undefined;
  /** Since when all heartbeats were answered and the clock went evenly. */
  let sinceMs = 0;
  /** True once the server was away, or its clock was set, or it may have been a standby. */
  let isRecent = false;

  return {
    /** Takes note of a heartbeat, or with undefined of one that failed; the same one may be noted again. */
    note(heartbeat: Heartbeat | undefined): void {
      if (heartbeat === undefined) isRecent = true;
      else if (last === undefined) sinceMs = heartbeat.startedMs;
      else if (heartbeat.serverMs - last.serverMs > heartbeat.endedMs - last.startedMs + STEP_MS) {
        isRecent = true;
        sinceMs = heartbeat.startedMs;
      }
      last = heartbeat;
    },
    /** Takes note that the server may have been a standby. */
    noteStandby(): void {
      isRecent = true;
    },
    /** True while too little is known to judge those whose lease is as long as this one. */
    isShort: () => isRecent && (last === undefined || last.startedMs - sinceMs < leaseMs),
    /** The reachability as of the clock that was read: it may be set before a statement gets there. */
    asOf: (heartbeat: Heartbeat): Reachability => ({
      reachableMs: isRecent ? heartbeat.startedMs - sinceMs : undefined,
      nowMs: heartbeat.serverMs,
    }),
  };
}

/** Declares dead the processes of either kind whose lease ran out, as far as their silence proves it, and those that have ended here. */
async function declareDeaths(db: Queryable, { reachableMs, nowMs }: Reachability): Promise<void> {
  await db.query(DECLARE_DEATHS, [reachableMs ?? null, nowMs, await listEnded(db)]);
}

/** The ids of processes of this host that count as alive and have ended. */
async function listEnded(db: Queryable): Promise<string[]> {
  if (HOST_PREFIX === undefined) return [];
  const { rows } = await db.query<{ worker_id: string; host_process: string }>(LIST_HOST_PROCESSES, [
    `${HOST_PREFIX} `,
  ]);
  return rows.flatMap(({ worker_id, host_process }) => (hasEnded(host_process) ? worker_id : []));
}

/** True when the server may be a standby that was promoted, at a time that nobody knows; also after a crash. */
async function wasStandby(db: Queryable): Promise<boolean> {
  return (await db.query<{ was_standby: boolean }>(WAS_STANDBY)).rows[0]?.was_standby === true;
}
