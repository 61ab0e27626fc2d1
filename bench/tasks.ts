/**
 * Tasks: from the commit that queues one to its statement, on an idle worker and on one that cannot keep up; what a task costs beside the
 * same text run by psql or in a session that is opened for it; many short tasks of one role and of fifty; how long a cancel takes, by the
 * worker that runs the task and by another one; and by how much a result of ten million rows makes the worker grow. The worker is a
 * process of its own.
 *
 * usage: tsx bench/tasks.ts [--requests 10000] [--quick] [--save]
 */

import { readFile, writeFile } from 'node:fs/promises';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { atMost, publish, type Row } from './support/report.ts';
import { median, percentile, round3 } from './support/statistics.ts';
import { measureCancels, measureCancelsByOther } from './support/tasks/measure-cancels.ts';
import { type Crowd, measureMany } from './support/tasks/measure-many.ts';
import {
  measureBusyStarts,
  measurePsql,
  measureSessions,
  measureSessionsPerSecond,
  measureStarts,
  measureWholeTasks,
} from './support/tasks/measure-starts.ts';
import { openTaskGround, type TaskGround, type TaskWorkerProcess } from './support/tasks/task-ground.ts';

const options = readBenchOptions({ full: { rounds: 1, requests: 10_000 }, quick: { rounds: 1, requests: 200 } });
const ROLES = 50;
const PROBES = options.isQuick ? 10 : 100;
const CANCELS = options.isQuick ? 5 : 30;
const OTHER_CANCELS = options.isQuick ? 2 : 10;
const RESULT_ROWS = options.isQuick ? 1_000_000 : 10_000_000;
/** Tasks and texts by hand that one machine runs at once. */
const AT_ONCE = 4;

await using server = await startBenchServer();
await using ground = await openTaskGround(await server.createDatabase('bench_tasks'), ROLES);
const worker = await ground.startWorker();

const starts = await measureStarts(ground, PROBES);
const whole = await measureWholeTasks(ground, PROBES);
const sessions = await measureSessions(ground, PROBES);
const psql = await measurePsql(ground, PROBES);
const busy = await measureBusyStarts(ground, PROBES);
const byHand = await measureSessionsPerSecond(ground, Math.min(options.requests, 1_000));
const ofOne = await measureMany(server, ground, worker, { roles: ground.roles.slice(0, 1), count: options.requests });
const ofAll = await measureMany(server, ground, worker, { roles: ground.roles, count: options.requests });
const cancels = await measureCancels(ground, CANCELS);
const grownMb = await measureGrowth(ground, worker);
const byOther = await measureCancelsByOther(ground, worker, OTHER_CANCELS);

const many = options.requests.toLocaleString('en');
const rows: Row[] = [
  timeRow('commit to statement, idle', starts),
  timeRow('commit to statement, more of another role queued than can run', busy),
  timeRow('call to recorded end, idle', whole),
  timeRow('the same text in a session opened for it', sessions),
  ...(psql.length === 0 ? [] : [timeRow('the same text by psql -c', psql)]),
  timeRow('cancel to end', cancels),
  timeRow('cancel to end, its worker frozen, by another one', byOther),
  { what: `texts by hand, ${AT_ONCE} sessions at once`, 'per s': round3(byHand) },
  crowdRow(`${many} short tasks of one role, ${AT_ONCE} at once`, ofOne),
  crowdRow(`${many} short tasks of ${ROLES} roles, ${AT_ONCE} at once`, ofAll),
];
await publish(
  {
    bench: 'tasks',
    subject: 'async tasks',
    rows,
    verdicts: [
      atMost('tasks: ms from commit to statement, idle, p50', round3(median(starts)), 10),
      atMost('tasks: ms from cancel to end, p99', round3(percentile(cancels, 0.99)), 1_000),
      atMost('tasks: ms from cancel to end by another worker, p99', round3(percentile(byOther, 0.99)), 2_000),
      atMost(`tasks: MB that ${RESULT_ROWS.toLocaleString('en')} rows make the worker grow`, round3(grownMb), 50),
    ],
    notes: [
      'A task is a login, two commits, one of them with the text, and four short statements of the worker: with texts that do nothing it ' +
        'is several times as dear as the text alone, and a queue of requests beside it a hundred times faster.',
    ],
  },
  options,
  server,
);

function timeRow(what: string, values: readonly number[]): Row {
  return { what, 'p50 ms': round3(median(values)), 'p99 ms': round3(percentile(values, 0.99)) };
}

function crowdRow(what: string, { perSecond, serverMs, workerMs }: Crowd): Row {
  const serverCpu = serverMs === undefined ? undefined : round3(serverMs);
  return { what, 'per s': round3(perSecond), 'server CPU ms': serverCpu, 'worker CPU ms': round3(workerMs) };
}

/** MB, as the kernel counts: the most that the worker had while it ran the text, above what it had before. */
async function measureGrowth({ queue, roles, untilEnded }: TaskGround, { pid }: TaskWorkerProcess): Promise<number> {
  const read = async (name: string) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) *
      1_024) /
    1e6;
  const run = async (count: number) =>
    untilEnded(await queue(roles[0] ?? '', `select g, g::text from generate_series(1, ${count}) as g`));
  // What the first rows of any result take.
  await run(10_000);
  // From now on the most is that of what follows.
  await writeFile(`/proc/${pid}/clear_refs`, '5');
  const before = await read('VmRSS');
  await run(RESULT_ROWS);
  return (await read('VmHWM')) - before;
}
