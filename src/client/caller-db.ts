import { LamplighterError } from '../core/errors.ts';
import { showValue } from '../core/show-value.ts';
import type { Queryable } from '../db/query.ts';
import { toClientError } from './client-error.ts';

/**
 * A `pg` `Client`, `PoolClient` or `Pool`, or anything else that runs a statement with `$1` parameters and resolves with its rows, or with
 * an object that has them as `rows`.
 */
export interface CallerDb {
  query(text: string, values: unknown[]): PromiseLike<readonly unknown[] | { readonly rows: readonly unknown[] }>;
}

/**
 * Runs statements on `db`; errors of the server that have a code of ours come with it.
 *
 * @throws LamplighterError CONFIG_INVALID when `db` cannot run statements.
 */
export function createCallerDb(db: CallerDb): Queryable {
  if (typeof db?.query !== 'function') {
    const expected = 'db: expected a pg Client, PoolClient or Pool, or anything else with a method "query"';
    throw new LamplighterError('CONFIG_INVALID', `${expected}, got ${showValue(db)}`);
  }
  return {
    async query<Row extends object>(text: string, params: readonly unknown[] = []) {
      let result: unknown;
      try {
        result = await db.query(text, [...params]);
      } catch (error) {
        throw toClientError(error);
      }
      // Our statements give these columns, all of them text, whatever the driver is.
      return { rows: [...rowsOf(result)] as Row[] };
    },
  };
}

function rowsOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result;
  if (typeof result === 'object' && result !== null && 'rows' in result && Array.isArray(result.rows))
    return result.rows;
  const expected = 'db: expected "query" to resolve with rows, or with an object that has them as "rows"';
  throw new LamplighterError('CONFIG_INVALID', `${expected}, got ${showValue(result)}`);
}
