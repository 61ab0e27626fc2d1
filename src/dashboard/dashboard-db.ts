import { isLamplighterError, LamplighterError, messageOf } from '../core/errors.ts';
import type { Pool } from '../db/pool.ts';
import type { Queryable } from '../db/query.ts';
import { sqlStateOf } from '../db/sqlstate.ts';

/** Where the dashboard reads and writes. Each transaction is short, and no session state outlives it. */
export interface DashboardDb {
  /** Runs `work` in a read-only transaction, whose statements end within 10 s and give times in UTC. */
  read<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /** The same in one that writes, which waits for no lock longer than 2 s. */
  write<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
}

/** A client of `pg`, or what can do as much. */
export interface PooledClient {
  query(text: string, values?: unknown[]): PromiseLike<{ readonly rows?: readonly unknown[] }>;
  /** Gives the connection back; with an error it is closed instead of used again. */
  release(error?: Error): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
}

/** A `pg` `Pool`, or anything else that lends clients. */
export interface ClientPool {
  connect(): PromiseLike<PooledClient>;
}

const LIMITS = "set local statement_timeout = '10s'; set local timezone = 'UTC'";
const BEGIN = {
  read: `begin isolation level read committed read only; ${LIMITS}`,
  write: `begin isolation level read committed read write; ${LIMITS}; set local lock_timeout = '2s'`,
};

/** Uses a pool of ours. */
export function createDashboardDb(pool: Pool): DashboardDb {
  const run = <T>(begin: string, work: (db: Queryable) => Promise<T>) =>
    pool.withClient((session) => inTransaction(session, begin, work));
  return { read: (work) => run(BEGIN.read, work), write: (work) => run(BEGIN.write, work) };
}

/** Uses a pool of the caller's. A connection on which a statement has failed is not given back to it. */
export function createPooledDb(pool: ClientPool): DashboardDb {
  if (typeof pool?.connect !== 'function') {
    throw new LamplighterError('CONFIG_INVALID', 'pool: expected a pg Pool, or anything else with a method "connect"');
  }
  async function run<T>(begin: string, work: (db: Queryable) => Promise<T>): Promise<T> {
    const client = await ofConnection(pool.connect());
    let failure: Error | undefined;
    // A client that is lent out tells its holder alone that it has lost its connection, and ends the process where nobody hears.
    const onError = (error: Error) => {
      failure = error;
    };
    client.on('error', onError);
    try {
      const db: Queryable = {
        async query<Row extends object>(text: string, params?: readonly unknown[]) {
          const { rows } = await ofConnection(
            params === undefined ? client.query(text) : client.query(text, [...params]),
          );
          // Several statements at once give several results.
          return { rows: [...(rows ?? [])] as Row[] }; // as the statement says
        },
      };
      return await inTransaction(db, begin, work);
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      client.removeListener('error', onError);
      client.release(failure);
    }
  }
  return { read: (work) => run(BEGIN.read, work), write: (work) => run(BEGIN.write, work) };
}

async function inTransaction<T>(db: Queryable, begin: string, work: (db: Queryable) => Promise<T>): Promise<T> {
  await db.query(begin);
  try {
    const result = await work(db);
    await db.query('commit');
    return result;
  } catch (error) {
    await db.query('rollback').catch(() => undefined); // the first error is the one to tell
    throw error;
  }
}

/** What the server did not say is about the connection. */
async function ofConnection<T>(answer: PromiseLike<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (isLamplighterError(cause) || sqlStateOf(cause) !== undefined) throw cause;
    throw new LamplighterError('CONNECTION_LOST', `The database cannot be used: ${messageOf(cause)}`, { cause });
  }
}
