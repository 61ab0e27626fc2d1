/**
 * Requests per second while another session holds a snapshot from before the first request, as an hour-long query or a dump does: the
 * first 100k requests against the eighth 100k, when 700k have passed and nothing of them could be vacuumed away. Beside graphile-worker
 * (batched) and pg-boss (batched), all in turn step by step.
 *
 * Target: the eighth at least 0.9 of the first.
 *
 * usage: tsx bench/snapshot.ts [--rounds 3] [--requests 100000] [--quick] [--save] [--only lamplighter-batched,graphile-batched]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import type { ContenderName } from './support/contenders/registry.ts';
import { holdSnapshot } from './support/hold-snapshot.ts';
import { type Drain, type Drainer, prepareDrainer } from './support/measure-drain.ts';
import { atLeast, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const STEPS = 8;
const OURS = 'lamplighter-batched';
const NAMES: readonly ContenderName[] = [OURS, 'graphile-batched', 'pg-boss-batched'];

const options = readBenchOptions({ full: { rounds: 3, requests: 100_000 }, quick: { rounds: 1, requests: 5_000 } });
const names = NAMES.filter((name) => options.only === undefined || options.only.includes(name));
/** By contender, rounds of steps. */
const drains = new Map<ContenderName, Drain[][]>(names.map((name) => [name, []]));
const titles = new Map<ContenderName, string>();

await using server = await startBenchServer();
for (let round = 0; round < options.rounds; round += 1) await measureRound();

const rows = names.map((name) => {
  const rounds = drains.get(name) ?? [];
  const steps = Array.from({ length: STEPS }, (_, step) => median(rounds.map((taken) => taken[step]?.perSecond ?? 0)));
  return {
    queue: titles.get(name),
    ...Object.fromEntries(steps.map((perSecond, step) => [`step ${step + 1}`, Math.round(perSecond)])),
    'last/first': ratioOf(name, ({ perSecond }) => perSecond),
    'CPU last/first': ratioOf(name, ({ serverUs = Number.NaN, workerUs }) => serverUs + workerUs),
  };
});
await publish(
  {
    bench: 'snapshot',
    subject: `requests/s of each ${options.requests.toLocaleString('en')} while a snapshot from before is held`,
    rows,
    verdicts: [
      atLeast(
        'requests/s under a held snapshot, eighth step against the first',
        ratioOf(OURS, ({ perSecond }) => perSecond),
        0.9,
      ),
    ],
  },
  options,
  server,
);

/** Fresh databases, then all steps. */
async function measureRound(): Promise<void> {
  const opened: { name: ContenderName; drainer: Drainer; taken: Drain[]; release: () => Promise<void> }[] = [];
  try {
    for (const name of names) {
      const drainer = await prepareDrainer(server, name);
      await drainer.drain(Math.ceil(options.requests / 10));
      titles.set(name, drainer.contender.title);
      opened.push({ name, drainer, taken: [], release: (await holdSnapshot(drainer.uri)).release });
    }
    for (let step = 0; step < STEPS; step += 1) {
      for (const { drainer, taken } of opened) taken.push(await drainer.drain(options.requests, { isKept: true }));
    }
    for (const { name, taken } of opened) drains.get(name)?.push(taken);
  } finally {
    for (const { drainer, release } of opened) {
      await release();
      await drainer.close();
    }
  }
}

/** The median of last through first of the rounds. */
function ratioOf(name: ContenderName, figure: (drain: Drain) => number): number {
  return round3(
    median(
      (drains.get(name) ?? []).map((taken) => {
        const [first, last] = [taken[0], taken.at(-1)];
        return first === undefined || last === undefined ? Number.NaN : figure(last) / figure(first);
      }),
    ),
  );
}
