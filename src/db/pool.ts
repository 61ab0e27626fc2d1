import { LamplighterError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { connectClient } from './connection/connect-client.ts';
import type { ConnectionSettings } from './connection/connection-settings.ts';
import { describeConnection } from './connection/connection-text.ts';
import type { Queryable } from './query.ts';
import type { Session } from './session.ts';
import { classifySqlState, isSqlState } from './sqlstate.ts';
import { runInTransaction } from './transaction.ts';

export interface PoolOptions {
  /** Most connections at a time. Too low makes callers wait for each other; too high uses up the server's. @default 3 */
  readonly max?: number;
  /** How long a connection may be unused before it is closed; there is no minimum to keep. @default 10000 */
  readonly idleTimeoutMs?: number;
  /** Longest wait for a free connection; then TOO_MANY_CONNECTIONS. @default 30000 */
  readonly acquireTimeoutMs?: number;
  /** Longest wait for the answer to one query; then the connection is cut, and the query fails with CONNECTION_LOST. @default 60000 */
  readonly queryTimeoutMs?: number;
  readonly applicationName?: string;
  readonly log?: Logger;
}

/**
 * Connections on demand. Each query may run on another one, so no session state survives between two: put what belongs together into
 * `withTransaction`. Both are READ COMMITTED and write, whatever the role's defaults.
 */
export interface Pool extends Queryable {
  /** Runs `work` in a transaction of its own; see {@link runInTransaction}. */
  withTransaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
  /** The same connections, for what cannot wait: it goes before all others that wait for one. */
  readonly urgent: Queryable;
  /** Lends one session for the time of `work`; one that comes back inside a transaction is closed. */
  withClient<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * Gives up one of the connections, so that a session may be opened elsewhere instead; resolves, once there is one to spare and it is
   * closed, with what takes it back. `end` waits for that.
   */
  cede(): Promise<() => void>;
  /** Refuses new work, waits for what runs and closes every connection; safe to call repeatedly. */
  end(): Promise<void>;
}

/**
 * A pool that never opens more than `max` connections and survives whatever happens to them. After an error of the environment (server
 * shut down, failover, standby) all unused connections are dropped, so that the next ones resolve the host name again. The driver's own
 * pool closes a connection after any SQL error, leaves waiters hanging when it ends, and cannot fall back between hosts or encryptions.
 */
export function createPool(settings: ConnectionSettings, options: PoolOptions = {}): Pool {
  const { max = 3, idleTimeoutMs = 10_000, acquireTimeoutMs = 30_000, queryTimeoutMs = 60_000, log } = options;
  const place = describeConnection(settings);
  const connectOptions = {
    queryTimeoutMs,
    ...(options.applicationName === undefined ? {} : { applicationName: options.applicationName }),
    ...(log === undefined ? {} : { log }),
  };
  /** Unused sessions, each with the timer that closes it. */
  const idle = new Map<Session, NodeJS.Timeout>();
  /** The number of each session, in the order in which they were opened. */
  const seniority = new WeakMap<Session, number>();
  let opened = 0;
  const closing = new Set<Promise<void>>();
  const waiting: (() => void)[] = [];
  const runStatement = createStatementRunner();
  let lent = 0;
  let generation = 0;
  let ending: Promise<void> | undefined;
  let onAllReturned: (() => void) | undefined;

  // Invariant: lent + idle <= max, because a slot is taken first and an idle session is always preferred to a new one.
  async function takeSlot(isUrgent: boolean): Promise<void> {
    if (ending !== undefined) throw new LamplighterError('ABORTED', `The connections to ${place} are being closed`);
    if (lent < max) {
      lent += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const takeOver = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(takeOver), 1);
        const waited = `none of the ${max} connections to ${place} became free within ${acquireTimeoutMs / 1_000} s`;
        reject(new LamplighterError('TOO_MANY_CONNECTIONS', waited));
      }, acquireTimeoutMs);
      if (isUrgent) waiting.unshift(takeOver);
      else waiting.push(takeOver);
    });
  }

  function freeSlot(): void {
    const next = waiting.shift();
    if (next !== undefined) {
      next(); // the slot passes on
      return;
    }
    lent -= 1;
    if (lent === 0) onAllReturned?.();
  }

  /**
   * The oldest: the first runs of a statement in a session are the slow ones, so all that runs alone goes to the same session, and those
   * that are only needed for a rush run out.
   */
  function takeIdle(which: 'oldest' | 'youngest' = 'oldest'): Session | undefined {
    const session = [...idle.keys()]
      .sort((a, b) => (seniority.get(a) ?? 0) - (seniority.get(b) ?? 0))
      .at(which === 'oldest' ? 0 : -1);
    if (session !== undefined) {
      clearTimeout(idle.get(session));
      idle.delete(session);
    }
    return session;
  }

  function close(session: Session): Promise<void> {
    const closed = session.end().finally(() => closing.delete(closed));
    closing.add(closed);
    return closed;
  }

  function closeIdle(session: Session): void {
    clearTimeout(idle.get(session));
    idle.delete(session);
    void close(session);
  }

  async function openSession(): Promise<Session> {
    const session = await connectClient(settings, connectOptions);
    opened += 1;
    seniority.set(session, opened);
    session.onClose((reason) => {
      if (!idle.has(session)) return;
      log?.debug({ err: reason, place }, 'an unused connection was closed by the other side');
      closeIdle(session);
    });
    return session;
  }

  async function lend<T>(work: (session: Session) => Promise<T>, isUrgent = false): Promise<T> {
    await takeSlot(isUrgent);
    const born = generation;
    let session: Session;
    try {
      session = takeIdle() ?? (await openSession());
    } catch (error) {
      freeSlot();
      throw error;
    }
    try {
      return await work(session);
    } catch (error) {
      if (classifySqlState(error) === 'environment') {
        generation += 1;
        for (const other of idle.keys()) closeIdle(other);
      }
      throw error;
    } finally {
      const isReusable =
        session.isOpen && session.transaction === 'none' && born === generation && ending === undefined;
      if (isReusable)
        idle.set(
          session,
          setTimeout(() => closeIdle(session), idleTimeoutMs),
        );
      // The slot is free only when the connection is gone, so that there are never more than max.
      else await close(session);
      freeSlot();
    }
  }

  async function endAll(): Promise<void> {
    if (lent > 0) await new Promise<void>((resolve) => (onAllReturned = resolve));
    for (const session of idle.keys()) closeIdle(session);
    await Promise.all(closing);
  }

  return {
    query: (text, params) => lend((session) => runStatement(session, text, params)),
    withTransaction: (work) => lend((session) => runInTransaction(session, work)),
    urgent: { query: (text, params) => lend((session) => runStatement(session, text, params), true) },
    withClient: (work) => lend(work),
    async cede() {
      await takeSlot(false);
      // The slot keeps its count while the session that it stands for is elsewhere.
      const session = lent + idle.size > max ? takeIdle('youngest') : undefined;
      if (session !== undefined) await close(session);
      return freeSlot;
    },
    end() {
      ending ??= endAll();
      return ending;
    },
  };
}

type StatementRunner = <Row extends object>(
  session: Session,
  text: string,
  params?: readonly unknown[],
) => Promise<{ readonly rows: Row[] }>;

/**
 * Runs single statements read-write and READ COMMITTED, also for a role with other defaults, which cannot be changed without session
 * state. Nothing is spent on it until a statement fails for their sake: it has done nothing then, and is run again in a transaction
 * that says what it wants, like every later one of this runner. `default_transaction_read_only` of a database or a server is heeded:
 * hosts set it when the disk is almost full.
 */
function createStatementRunner(): StatementRunner {
  let isExplicit = false;
  return async <Row extends object>(session: Session, text: string, params?: readonly unknown[]) => {
    if (!isExplicit) {
      try {
        return await session.query<Row>(text, params);
      } catch (error) {
        const mayBeOfDefaults =
          isSqlState(error, 'readOnlySqlTransaction') || isSqlState(error, 'serializationFailure');
        if (!mayBeOfDefaults || session.transaction !== 'none') throw error;
        isExplicit = await hasOwnDefaults(session);
        if (!isExplicit) throw error;
      }
    }
    return runInTransaction(session, (transaction) => transaction.query<Row>(text, params));
  };
}

/** Whether the session's transactions are strict by default, or read-only by the role's own setting. */
async function hasOwnDefaults(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ is_strict: boolean; is_read_only: boolean; is_of_role: boolean }>(
    `select pg_catalog.current_setting('default_transaction_isolation') in ('repeatable read', 'serializable') as is_strict,
            s.setting = 'on' as is_read_only,
            s.source in ('user', 'database user') as is_of_role
     from pg_catalog.pg_settings as s
     where s.name = 'default_transaction_read_only'`,
  );
  return rows.some((row) => (row.is_read_only ? row.is_of_role : row.is_strict));
}
