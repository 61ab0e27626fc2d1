/**
 * Seconds from the SIGKILL of a worker until its requests run again on another one, with the default lease: the first of them and the
 * last, for a worker that held 4 requests, and one that held 4 batches of 500. After a first death they are ready again at once. Both
 * workers run on this host, where the survivor sees that the other has ended; as on another host, it has to wait for the lease.
 * Says also whether any was lost or recorded twice.
 *
 * Target: all run again within 35 s, and on the same host within 20 s.
 *
 * usage: tsx bench/recovery.ts [--rounds 3] [--quick (one round of the first)] [--save]
 */

import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { spawnContender } from './support/contender-worker.ts';
import { contenderNamed, type WorkableName, workableNamed } from './support/contenders/registry.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const DEADLINE_MS = 180_000;
const SCENARIOS: readonly {
  readonly holder: WorkableName;
  readonly survivor: WorkableName;
  readonly requests: number;
  readonly isOtherHost: boolean;
}[] = [false, true].flatMap((isOtherHost) => [
  { holder: 'lamplighter-holding', survivor: 'lamplighter-single', requests: 4, isOtherHost },
  { holder: 'lamplighter-holding-batched', survivor: 'lamplighter-batched', requests: 2_000, isOtherHost },
]);

const options = readBenchOptions({ full: { rounds: 3, requests: 2_000 }, quick: { rounds: 1, requests: 4 } });
await using server = await startBenchServer();
const rows = [];
const verdicts = [];
for (const scenario of SCENARIOS.filter(({ requests }) => requests <= options.requests)) {
  const taken = [];
  for (let round = 0; round < options.rounds; round += 1) taken.push(await measureKill(scenario));
  const title = `${workableNamed(scenario.holder).title}, ${scenario.isOtherHost ? 'other' : 'same'} host`;
  const lastSeconds = round3(median(taken.map(({ last }) => last)));
  rows.push({
    'killed worker': title,
    'first again s': round3(median(taken.map(({ first }) => first))),
    'last again s': lastSeconds,
    'worst s': round3(Math.max(...taken.map(({ last }) => last))),
    completed: taken.map(({ completed }) => completed).join(' '),
    of: scenario.requests,
    'handled twice by the survivor': Math.max(...taken.map(({ twice }) => twice)),
  });
  verdicts.push(atMost(`seconds until all run again, ${title}`, lastSeconds, scenario.isOtherHost ? 35 : 20));
}
await publish(
  {
    bench: 'recovery',
    subject: 'seconds from SIGKILL of a worker until its requests run on another, default lease',
    rows,
    verdicts,
  },
  options,
  server,
);

async function measureKill({ holder, survivor, requests, isOtherHost }: (typeof SCENARIOS)[number]) {
  const uri = await server.createDatabase('bench_recovery');
  const contender = contenderNamed('lamplighter-batched');
  await contender.migrate(uri);
  const pool = openPool(uri);
  await contender.fill(pool, requests);
  const [doomed, heir] = [await spawnContender(holder, uri), await spawnContender(survivor, uri)];
  try {
    const held = new Set<string>();
    await doomed.watch((prompt) => held.add(prompt));
    await until(() => held.size >= requests);
    const againMs: number[] = [];
    const again = new Set<string>();
    await heir.watch((prompt, atMs) => {
      againMs.push(atMs);
      again.add(prompt);
    });
    if (isOtherHost) await pool.query('update lamplighter.worker set host_process = null');
    await sleep(1_000);
    process.kill(doomed.pid, 'SIGKILL');
    const killedMs = monotonicMs();
    await until(() => again.size >= requests);
    await until(() => contender.isDrained(pool, requests));
    const { rows: counts } = await pool.query<{ completed: number }>(
      "select count(*)::integer as completed from public.steadytext_queue where status = 'completed' and result is not null",
    );
    const seconds = againMs.map((atMs) => (atMs - killedMs) / 1_000);
    return {
      first: Math.min(...seconds),
      last: Math.max(...seconds),
      completed: counts[0]?.completed ?? 0,
      twice: againMs.length - again.size,
    };
  } finally {
    await doomed[Symbol.asyncDispose]();
    await heir[Symbol.asyncDispose]();
    await pool.end();
  }
}

async function until(isReached: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = monotonicMs() + DEADLINE_MS;
  while (!(await isReached())) {
    if (monotonicMs() > deadlineMs) throw new Error(`not reached within ${DEADLINE_MS / 1_000} s`);
    await sleep(20);
  }
}
