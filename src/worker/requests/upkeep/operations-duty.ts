import type { Troubles } from '../../../core/recurring-trouble.ts';
import type { Queryable } from '../../../db/query.ts';
import { runOperations } from '../../../operations/run-operations.ts';
import type { Duty } from '../../../process/duties.ts';

/** Works off what dashboards and commands have begun to do to all that match: whoever began it may be dead. */
export function createOperationsDuty({ db, troubles }: { readonly db: Queryable; readonly troubles: Troubles }): Duty {
  return {
    name: () => 'run_operations',
    intervalMs: 1_000,
    run: (_heartbeat, signal) => runOperations(db, signal),
    trouble: troubles.define('work off operations'),
  };
}
