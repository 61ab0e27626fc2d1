import type { Client } from '../../src/client/client.ts';
import { createClient } from '../../src/client/create-client.ts';
import { hasCode } from '../../src/core/errors.ts';
import type { Queryable } from '../../src/db/query.ts';
import type { Actor } from '../history/journalling-worker.ts';
import type { TaskCallerJournal } from '../history/tasks/task-callers.ts';
import type { TaskTextName } from '../history/tasks/task-texts.ts';
import { createRandom, type Random } from '../properties/random.ts';
import { firstValue } from '../support/requests.ts';
import { openTestPool } from '../support/test-pool.ts';
import { type StormCaller, startCaller } from './callers.ts';

interface Hand {
  readonly role: string;
  readonly random: Random;
  readonly journal: TaskCallerJournal;
  /** Tasks that this caller was given, the newest last. */
  readonly ids: string[];
}

/** What is queued, and how often. */
const KINDS: Readonly<Record<TaskTextName, number>> = {
  wrapped: 12,
  'with its own COMMIT': 5,
  bare: 6,
  'found to be bare': 4,
  failing: 2,
  'failing at its COMMIT': 1,
  'bare and failing': 2,
  'ending its session': 1,
  endless: 1,
  'endless and bare': 1,
};
/** Long enough for most workers that die to have some in flight. */
const LONGEST_REST_S = 2;

function drawText({ random }: Hand): [TaskTextName, number] {
  const seconds = random.chance(0.5) ? 0 : (random.int(100) / 100) * LONGEST_REST_S;
  return [random.weighted(KINDS) ?? 'wrapped', seconds];
}

/** Speaks plain SQL, as programs in any language do. */
export function startSqlTaskCaller({ name, uri }: Actor, journal: TaskCallerJournal, seed: number): StormCaller {
  const pool = openTestPool({
    connectionString: uri,
    max: 2,
    connectionTimeoutMillis: 1_000,
    query_timeout: 5_000,
    application_name: 'storm caller',
  });
  const hand: Hand = { role: name, random: createRandom(seed), journal, ids: [] };
  return startCaller(
    hand,
    () => sqlStep(pool, hand),
    () => pool.end(),
  );
}

/** Uses the client for TypeScript. */
export function startClientTaskCaller({ name, uri }: Actor, journal: TaskCallerJournal, seed: number): StormCaller {
  const client = createClient({ uri, maxConnections: 3 });
  const hand: Hand = { role: name, random: createRandom(seed), journal, ids: [] };
  return startCaller(
    hand,
    () => clientStep(client, hand),
    () => client.close(),
  );
}

const SQL_STEPS = { queue: 6, insert: 1, look: 3, cancel: 1, 'cancel all': 0.01 } as const;

async function sqlStep(db: Queryable, hand: Hand): Promise<void> {
  const { role, random, journal, ids } = hand;
  const jobid = random.pick(ids);
  switch (random.weighted(SQL_STEPS)) {
    case 'queue':
      ids.push(
        await journal.queue(...drawText(hand), (text, key) =>
          firstValue(db, 'select lantern.async_task($1, $2)', [text, key]),
        ),
      );
      return;
    case 'insert':
      ids.push(
        await journal.queue(...drawText(hand), (text, key) =>
          firstValue(db, 'insert into lantern.tasks (query, job_name) values ($1, $2) returning jobid', [text, key]),
        ),
      );
      return;
    case 'look': {
      const { rows } = await db.query<{ jobid: string; status: string }>(
        'select jobid::text, status from lantern.tasks where status is not null order by jobid desc limit 20',
      );
      for (const row of rows) journal.see(row.jobid, row.status);
      return;
    }
    case 'cancel':
      if (jobid === undefined) return;
      await journal.cancel({ jobid, role }, () => firstValue(db, 'select lantern.cancel_async_task($1)', [jobid]));
      return;
    case 'cancel all':
      await journal.cancel(
        { role },
        async () => Number(await firstValue<string>(db, 'select lantern.cancel_all_async_tasks()')) > 0,
      );
      return;
    case undefined:
  }
}

const CLIENT_STEPS = { run: 5, wait: 3, check: 1, cancel: 1 } as const;

async function clientStep(client: Client, hand: Hand): Promise<void> {
  const { role, random, journal, ids } = hand;
  const jobid = random.pick(ids);
  switch (random.weighted(CLIENT_STEPS)) {
    case 'run':
      ids.push(
        await journal.queue(...drawText(hand), async (text, name) => String(await client.tasks.run(text, { name }))),
      );
      return;
    case 'wait':
      if (jobid !== undefined) await waitFor(client, hand, jobid);
      return;
    case 'check': {
      const task = jobid === undefined ? undefined : await client.tasks.check(jobid);
      if (task !== undefined && task.state !== 'queued' && task.state !== 'running') {
        journal.see(String(task.jobid), task.state);
      }
      return;
    }
    case 'cancel':
      if (jobid !== undefined) await journal.cancel({ jobid, role }, () => client.tasks.cancel(jobid));
      return;
    case undefined:
  }
}

async function waitFor(client: Client, { journal }: Hand, jobid: string): Promise<void> {
  try {
    await client.tasks.wait(jobid, { timeoutMs: 1_000 });
    journal.see(jobid, 'succeeded');
  } catch (error) {
    if (hasCode(error, 'TASK_FAILED')) journal.see(jobid, 'failed');
    if (hasCode(error, 'TASK_CANCELED')) journal.see(jobid, 'canceled');
    throw error;
  }
}
