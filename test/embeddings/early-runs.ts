import type { Queryable } from '../../src/db/query.ts';
import { makeDefect } from '../properties/defects.ts';

/** Lets transactions note runs of keys from their second change on, instead of their 66th, so that small ones meet them too; for jobs to come. */
export async function noteRunsEarly(db: Queryable): Promise<void> {
  await makeDefect(db, {
    in: 'lamplighter.read_capture_source',
    find: "else '+' end",
    replace: "else '?' operator(pg_catalog.||) v_run end",
  });
}
