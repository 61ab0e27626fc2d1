/**
 * What keeping metrics by minute costs: the same worker drains the same backlog, in turns, with the functions that write figures and count
 * what was queued as they are, and with functions of those names that do nothing. What the worker counts in its memory is in both.
 *
 * Target: 1 % of the throughput at most.
 *
 * usage: tsx bench/metrics.ts [--rounds 9] [--requests 100000] [--quick] [--save]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { type Drain, prepareDrainer } from './support/measure-drain.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 9, requests: 100_000 }, quick: { rounds: 1, requests: 4_000 } });

/** With what they give while they do nothing. */
const WRITERS = {
  record_metrics: 'begin null; end',
  measure_enqueued: 'begin return false; end',
  measure_cancelled: 'begin return false; end',
  compact_metrics: 'begin null; end',
} as const;
type Scene = 'kept' | 'not kept';
const SCENES: readonly Scene[] = ['kept', 'not kept'];

await using server = await startBenchServer();
const drainer = await prepareDrainer(server, 'lamplighter-batched');
const drains = new Map<Scene, Drain[]>(SCENES.map((scene) => [scene, []]));
let minutes = 0;
try {
  const definitions = await readDefinitions();
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const scene of round % 2 === 0 ? SCENES : [...SCENES].reverse()) {
      for (const { whole, idle } of definitions) await drainer.pool.query(scene === 'kept' ? whole : idle);
      const drain = await drainer.drain(options.requests);
      // The first round only warms up.
      if (round > 0) drains.get(scene)?.push(drain);
    }
  }
  const { rows } = await drainer.pool.query<{ minutes: number }>(
    'select count(*)::int as minutes from lamplighter.metric_minute',
  );
  minutes = rows[0]?.minutes ?? 0;
} finally {
  await drainer.close();
}

const of = (scene: Scene, figure: (drain: Drain) => number) => median((drains.get(scene) ?? []).map(figure));
const without = drains.get('not kept') ?? [];
/** Of the throughput, in the median of rounds, each beside its own. */
const costPercent = round3(
  median(
    (drains.get('kept') ?? []).flatMap(({ perSecond }, at) =>
      without[at] === undefined ? [] : [(1 - perSecond / without[at].perSecond) * 100],
    ),
  ),
);
await publish(
  {
    bench: 'metrics',
    subject: `metrics by minute, no-op handler, batches of 500; medians of rounds in turn; rows of minutes written: ${minutes}`,
    rows: SCENES.map((scene) => ({
      metrics: scene,
      'requests/s': Math.round(of(scene, ({ perSecond }) => perSecond)),
      'server us': round3(of(scene, ({ serverUs }) => serverUs ?? Number.NaN)),
      'worker us': round3(of(scene, ({ workerUs }) => workerUs)),
    })),
    verdicts: [atMost('metrics: percent of the throughput', costPercent, 1)],
  },
  options,
  server,
);

async function readDefinitions(): Promise<readonly { readonly whole: string; readonly idle: string }[]> {
  const definitions = [];
  for (const [name, body] of Object.entries(WRITERS)) {
    const { rows } = await drainer.pool.query<{ whole: string; head: string }>(
      `select pg_get_functiondef(p.oid) as whole,
              format('create or replace function %s(%s) returns %s language plpgsql', p.oid::regproc, pg_get_function_arguments(p.oid),
                     pg_get_function_result(p.oid)) as head
       from pg_proc as p
       where p.oid = to_regproc($1)`,
      [`lamplighter.${name}`],
    );
    const [found] = rows;
    if (found === undefined) throw new Error(`expected a function lamplighter.${name}`);
    definitions.push({ whole: found.whole, idle: `${found.head} as $idle$ ${body} $idle$` });
  }
  return definitions;
}
