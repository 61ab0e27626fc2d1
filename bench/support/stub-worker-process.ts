/**
 * A stub in place of a worker: takes requests away as fast as it can, so that what is measured is the enqueuing. Arguments: URI, then how
 * it learns of new ones: `waiting` (raises the flag, looks once more, and waits for the notification, when a worker would) or `polling`.
 */
import process from 'node:process';
import pg from 'pg';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { Queryable } from '../../src/db/query.ts';
import { createPollSchedule } from '../../src/process/poll-schedule.ts';
import { WAKE_CHANNEL } from '../../src/process/wake-up.ts';

const LIMIT = 1_000;
/** A worker's first pause after work. */
const POLL_MS = 2;
/** A worker's longest. */
const LONGEST_WAIT_MS = 1_000;
/** Ids are issued before they are committed: this far back may still appear. */
const LATE_IDS = 1_000;

const [uri = '', mode = 'polling'] = process.argv.slice(2);
const client = new pg.Client({ connectionString: uri });
await client.connect();
let low = 0;
let wake: () => void = () => undefined;

// Its parent is gone: so is the reason to work.
process.on('disconnect', () => process.exit(0));
/** One statement at a time: a notification may ask for one in the middle of another. */
let last: Promise<unknown> = Promise.resolve();
const db: Queryable = {
  query(text, params = []) {
    const next = last.then(() => client.query(text, [...params]));
    last = next.catch(() => undefined);
    return next;
  },
};
/** Deletes what is there; how many. */
async function drain(): Promise<number> {
  let drained = 0;
  for (;;) {
    const { rows } = await db.query<{ id: string }>(
      `delete from public.steadytext_queue as q
             where q.id = any (array(
               select r.id from public.steadytext_queue as r where r.id > $1 order by r.id limit ${LIMIT} for update skip locked))
             returning q.id`,
      [low],
    );
    for (const { id } of rows) low = Math.max(low, Number(id) - LATE_IDS);
    drained += rows.length;
    if (rows.length < LIMIT) return drained;
  }
}

const schedule = createPollSchedule({
  db,
  topic: 'requests',
  longestPauseMs: () => LONGEST_WAIT_MS,
  log: silentLogger,
  clock: systemClock,
});
if (mode === 'waiting') {
  client.on('notification', ({ payload = '' }) => {
    if (schedule.noteWakeUp(payload)) wake();
  });
  await client.query(`listen ${WAKE_CHANNEL}`);
  schedule.setListening(true);
}
process.send?.('ready');
for (;;) {
  const hasFound = (await drain()) > 0;
  if (mode === 'polling') await pause(POLL_MS);
  else if (hasFound) schedule.reset();
  else if (!(await schedule.requestOnce())) await pause(schedule.nextPauseMs());
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
