import type { Queryable } from '../../src/db/query.ts';
import { makeDefect } from '../properties/defects.ts';

/** Lets transactions note runs of keys from their third change on, instead of their 66th, so that small ones meet them too; for jobs to come. */
export async function noteRunsEarly(db: Queryable): Promise<void> {
  await makeDefect(db, {
    in: 'lamplighter.read_capture_source',
    find: 'operator(pg_catalog.<) 64 then',
    replace: 'operator(pg_catalog.<) 1 then',
  });
}
