import type { Session } from '../../db/session.ts';

/** Longest time of one check. */
const LIMIT_MS = 3_000;
/** Longest time to ask who is in the way. */
const ASK_MS = 1_000;

/** A connection on which one check runs after the other. */
export interface Lane {
  /** @throws what `work` throws, or {@link TimeLimitError}. */
  run<T>(work: (session: Session, signal: AbortSignal) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/** A check took longer than {@link LIMIT_MS}; the message says what it waited for, where that is known. */
export class TimeLimitError extends Error {
  constructor(blockers: readonly string[] = []) {
    const waiting = blockers.length === 0 ? '' : `: it waits for a lock of ${blockers.join(', ')}`;
    super(`no answer within ${LIMIT_MS / 1_000} s${waiting}`);
  }
}

/**
 * A lane that opens its session when it is first needed, and another one when that was lost. What takes too long is broken off on the
 * server as well: it would go on waiting for its lock, and whoever comes next for it.
 */
export function createLane(open: () => Promise<Session>, interruption: AbortSignal): Lane {
  let session: Session | undefined;
  const cut = () => session?.destroy();
  interruption.addEventListener('abort', cut);

  async function get(): Promise<Session> {
    if (session?.isOpen !== true) session = await open();
    return session;
  }

  async function breakOff(late: Session): Promise<TimeLimitError> {
    session = undefined;
    const blockers = (await soon(findBlockers(late), ASK_MS).catch(() => undefined)) ?? [];
    await late.cancel();
    late.destroy();
    return new TimeLimitError(blockers);
  }

  async function findBlockers(late: Session): Promise<string[]> {
    const other = await get();
    const { rows } = await other.query<{ blocker: string }>(
      `select pg_catalog.format('process %s', b.pid)
                || coalesce(pg_catalog.format(' (%s, %s)', a.usename, nullif(a.application_name, '')), '') as blocker
       from pg_catalog.pg_stat_activity as own
       cross join lateral pg_catalog.unnest(pg_catalog.pg_blocking_pids(own.pid)) as b (pid)
       left join pg_catalog.pg_stat_activity as a on a.pid = b.pid
       where own.pid = $1 and own.usename = current_user and own.application_name = pg_catalog.current_setting('application_name')
       order by b.pid
       limit 3`,
      [late.processId ?? 0],
    );
    return rows.map(({ blocker }) => blocker);
  }

  return {
    async run(work) {
      const own = await get();
      return within(
        (signal) => work(own, AbortSignal.any([signal, interruption])),
        () => breakOff(own),
      );
    },
    async end() {
      interruption.removeEventListener('abort', cut);
      await session?.end();
    },
  };
}

/** What `work` gives within {@link LIMIT_MS}. @throws what it throws, or what `onLate` gives. */
export async function within<T>(work: (signal: AbortSignal) => Promise<T>, onLate: () => Promise<Error>): Promise<T> {
  const limit = new AbortController();
  const done = work(limit.signal).then((value) => ({ value }));
  done.catch(() => undefined); // told by the race, or too late to matter
  const outcome = await soon(done, LIMIT_MS);
  if (outcome !== undefined) return outcome.value;
  limit.abort();
  throw await onLate();
}

/** Undefined when it is not there in time. @throws what the promise rejects with before. */
async function soon<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limitMs, undefined);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
