import { LamplighterError } from '../core/errors.ts';
import type { Pool } from './pool.ts';

/** One listens; one at a time reads settings, proves a route, takes the listener's place, or cancels. */
const LISTENER = 1;
const SHORT = 1;
/** Statements of a workload overlap: while one claims, two record. More connections bring nothing. */
const POOL = 3;
/** Kept in the pool while others borrow from it, unless what was asked for by name needs that one, too. */
const POOL_KEPT = 2;

export interface ConnectionWishes {
  /** Ceiling of the connections that the process holds in all; at least 4. */
  readonly max: number;
  /** Sessions that a workload holds for as long as it works, such as one for each task. @default none */
  readonly sessions?: {
    /** How many at once. */
    readonly wanted: number;
    /** True where somebody asked for so many; fewer are planned otherwise. */
    readonly isRequired: boolean;
    /** The option that asks for them, for messages. */
    readonly flag: string;
  };
}

/** Who may hold how many connections. Beside these, one listens and one is for short sessions, one at a time. */
export interface ConnectionPlan {
  readonly max: number;
  /** Most connections of the pool. */
  readonly pool: number;
  /** Connections of a workload's own. */
  readonly sessions: number;
  /** So many of these are the pool's, and lent by it. */
  readonly borrowed: number;
}

/**
 * Shares out `--max-connections`, so that the ceiling holds whatever happens at the same time.
 *
 * @throws LamplighterError CONFIG_INVALID when sessions are required for which there is no room.
 */
export function planConnections({ max, sessions }: ConnectionWishes): ConnectionPlan {
  const left = max - LISTENER - SHORT;
  const { wanted = 0, isRequired = false, flag = '' } = sessions ?? {};
  if (isRequired && wanted > left - 1) {
    throw new LamplighterError(
      'CONFIG_INVALID',
      `${flag} ${wanted} does not fit into --max-connections ${max}: beside one for each, one listens, one is for short sessions, ` +
        'and the rest of the work needs one',
      { hint: `Give --max-connections ${wanted + LISTENER + SHORT + 1} or more, or ${flag} ${Math.max(0, left - 1)}.` },
    );
  }
  const pool = Math.max(1, Math.min(POOL, wanted > 0 ? left - 1 : left));
  const own = Math.min(wanted, left - pool);
  const borrowed = Math.min(wanted - own, Math.max(0, pool - (isRequired ? 1 : POOL_KEPT)));
  return { max, pool, sessions: own + borrowed, borrowed };
}

/** A plan for people; `purpose` says what the sessions are for. */
export function describePlan({ max, pool, sessions, borrowed }: ConnectionPlan, purpose: string): string {
  const parts = [`${pool} for statements`, `${LISTENER} to listen`, `${SHORT} for short sessions`];
  if (sessions > 0)
    parts.push(`${sessions - borrowed} ${purpose}${borrowed > 0 ? `, which borrow ${borrowed} more` : ''}`);
  return `at most ${max} connections: ${parts.join(', ')}`;
}

/** Room for sessions beside the pool, as a {@link ConnectionPlan} has it. Whoever opens one takes room first and gives it back after. */
export interface SessionRoom {
  /** Most at once. */
  readonly limit: number;
  /** How many more may be opened now. */
  readonly free: number;
  /**
   * Takes room for one session, and resolves with what gives it back, to be called once the session is gone. Waits where it has to be
   * borrowed from a pool in use.
   *
   * @throws LamplighterError TOO_MANY_CONNECTIONS after 30 s without a free connection in the pool, and at once where `free` is 0.
   */
  take(): Promise<() => void>;
  /** Takes room for a session that is only a convenience: never borrows, and leaves room for one that is needed; undefined where it cannot. */
  takeSpare(): (() => void) | undefined;
}

/** Room for the sessions of a plan, with the pool of the same plan. */
export function createSessionRoom({ sessions, borrowed }: ConnectionPlan, pool: Pick<Pool, 'cede'>): SessionRoom {
  const own = sessions - borrowed;
  let ownTaken = 0;
  let borrowedTaken = 0;

  function takeOwn(): () => void {
    ownTaken += 1;
    return once(() => {
      ownTaken -= 1;
    });
  }

  return {
    limit: sessions,
    get free() {
      return sessions - ownTaken - borrowedTaken;
    },
    async take() {
      if (ownTaken < own) return takeOwn();
      if (borrowedTaken >= borrowed) {
        throw new LamplighterError('TOO_MANY_CONNECTIONS', `All ${sessions} sessions beside the pool are in use`);
      }
      borrowedTaken += 1;
      try {
        const giveBack = await pool.cede();
        return once(() => {
          borrowedTaken -= 1;
          giveBack();
        });
      } catch (error) {
        borrowedTaken -= 1;
        throw error;
      }
    },
    takeSpare: () => (ownTaken + 1 < own ? takeOwn() : undefined),
  };
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
