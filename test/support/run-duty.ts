import { systemClock } from '../../src/core/clock.ts';
import { type Service, startLoop } from '../../src/core/service.ts';
import type { Queryable } from '../../src/db/query.ts';
import type { Duty } from '../../src/process/duties.ts';

/** Does a duty again and again, as the only worker would, after a look at the server in place of a heartbeat. */
export function runDuty(db: Queryable, duty: Duty, intervalMs: number): Service {
  return startLoop({
    intervalMs,
    async runOnce(signal) {
      const startedMs = systemClock.nowMs();
      const { rows } = await db.query<{ ms: number }>(
        'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
      );
      const look = { startedMs, endedMs: systemClock.nowMs(), serverMs: rows[0]?.ms ?? Number.NaN };
      duty.noteHeartbeat?.(look);
      await duty.run(look, signal);
    },
    trouble: duty.trouble,
    onError: () => duty.noteHeartbeat?.(undefined),
  });
}
