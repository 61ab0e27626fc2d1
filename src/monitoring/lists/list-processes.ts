import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import type { ProcessRow } from '../shapes.ts';
import { readJsonRows } from './json-rows.ts';

const LIST_WORKER_ROWS = loadQuery('list_worker_rows');

/** Workers and daemons, the living first. */
export function listProcesses(db: Queryable): Promise<readonly ProcessRow[]> {
  return readJsonRows<ProcessRow>(db, LIST_WORKER_ROWS, []);
}
