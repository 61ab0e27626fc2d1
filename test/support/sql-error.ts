import pg from 'pg';
import type { Queryable } from '../../src/db/query.ts';

export interface SqlError {
  readonly message: string;
  readonly code: string | undefined;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
}

/** The error with which the server refuses a statement; fails when the statement succeeds. */
export async function sqlErrorOf(db: Queryable, text: string, params?: readonly unknown[]): Promise<SqlError> {
  try {
    await db.query(text, params);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { message, code, detail, hint } = error;
    return { message, code, detail, hint };
  }
  throw new Error(`expected the server to refuse: ${text}`);
}
