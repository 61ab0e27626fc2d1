/**
 * What waking workers costs those who enqueue: 32 callers enqueue one request after the other while a stub worker takes them away. It
 * waits for notifications (raises its flag whenever it finds nothing, so that the next enqueue must notify), or polls every 2 ms and
 * nobody notifies. For comparison: the same polling stub while each enqueue notifies, as queues without a flag do.
 *
 * Target: waiting at least 95 % of polling in the same round.
 *
 * usage: tsx bench/notify.ts [--rounds 7] [--requests 32 (callers)] [--quick] [--save]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { type Draining, prepareEnqueue } from './support/measure-enqueue.ts';
import { atLeast, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';
import { describeWaits } from './support/wait-events.ts';

const MODES: readonly { readonly mode: Draining; readonly title: string }[] = [
  { mode: 'polling', title: 'stub polls, nobody notifies' },
  { mode: 'waiting', title: 'stub waits, is notified when it asked' },
  { mode: 'naive', title: 'stub polls, every enqueue notifies' },
];

const options = readBenchOptions({ full: { rounds: 7, requests: 32 }, quick: { rounds: 1, requests: 32 } });
const durationMs = options.isQuick ? 1_000 : 3_000;

await using server = await startBenchServer();
const bench = await prepareEnqueue(server, options.requests);
const taken = MODES.map(() => ({ perSecond: [] as number[], waits: '' }));
try {
  for (let round = 0; round <= options.rounds; round += 1) {
    for (let turn = 0; turn < MODES.length; turn += 1) {
      const index = (round + turn) % MODES.length;
      const [of, mode] = [taken[index], MODES[index]?.mode];
      if (of === undefined || mode === undefined) continue;
      const { perSecond, waits } = await bench.measure(mode, durationMs);
      // The first round only warms up.
      if (round > 0) of.perSecond.push(perSecond);
      of.waits = describeWaits(waits);
    }
  }
} finally {
  await bench.close();
}

const shareOf = (index: number) =>
  round3(median((taken[index]?.perSecond ?? []).map((value, at) => value / (taken[0]?.perSecond[at] ?? Number.NaN))));
await publish(
  {
    bench: 'notify',
    subject: `requests/s that ${options.requests} callers enqueue one by one, synchronous_commit on`,
    rows: MODES.map(({ title }, index) => ({
      worker: title,
      'requests/s': Math.round(median(taken[index]?.perSecond ?? [])),
      'of polling': shareOf(index),
      'callers wait for': taken[index]?.waits,
    })),
    verdicts: [atLeast('enqueued with a waiting stub, of those with a polling one', shareOf(1), 0.95)],
  },
  options,
  server,
);
