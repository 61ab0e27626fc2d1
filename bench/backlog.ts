/**
 * Milliseconds of one claim of 500 requests: with 1k, 10k, 100k and 1M requests waiting; behind 1M requests of another function; and
 * while another session holds a snapshot, as more and more requests pass. One connection claims as a worker does; what it claimed is
 * ended and made good by new requests outside the timed part, so the backlog keeps its size. The same for graphile-worker and pg-boss.
 *
 * Targets: 1M at most 1.5 times 1k; behind another function, and under a snapshot, at most 1.5 times the same without.
 *
 * usage: tsx bench/backlog.ts [--rounds 5] [--requests 1000000 (the largest backlog)] [--quick] [--save] [--only lamplighter,graphile]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import type { Claimer } from './support/claimers/claimer.ts';
import { openGraphileClaimer } from './support/claimers/graphile-worker.ts';
import { openLamplighterClaimer } from './support/claimers/lamplighter.ts';
import { openPgBossClaimer } from './support/claimers/pg-boss.ts';
import { holdSnapshot } from './support/hold-snapshot.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const CLAIM = 500;
const CHUNK = 20_000;
/** Claims of a scenario in a round. */
const CLAIMS = 10;
const SMALL = 1_000;
/** Under the snapshot: enough that ten claims are nothing beside it. */
const PASSING_BACKLOG = 10_000;
const PEERS = [
  { name: 'lamplighter', open: openLamplighterClaimer },
  { name: 'graphile', open: openGraphileClaimer },
  { name: 'pg-boss', open: openPgBossClaimer },
] as const;

const options = readBenchOptions({ full: { rounds: 5, requests: 1_000_000 }, quick: { rounds: 1, requests: 100_000 } });
const isQuick = options.isQuick || options.requests < 100_000;
/** Requests that pass between the first and the last measured claims under a snapshot. */
const PASSING = isQuick ? 20_000 : 200_000;

interface Scenario {
  readonly name: string;
  readonly backlog: number;
  readonly claimer: Claimer;
  readonly claimsMs: number[];
}

await using server = await startBenchServer();
const peers = PEERS.filter(({ name }) => options.only === undefined || options.only.includes(name));
const backlogs = [1_000, 10_000, 100_000, 1_000_000].filter((backlog) => backlog <= options.requests);
const rows: Record<string, string | number>[] = [];
const verdicts = [];

for (const { name, open } of peers) {
  const scenarios: Scenario[] = [];
  const add = async (scenario: string, backlog: number, prepare?: (claimer: Claimer) => Promise<void>) => {
    const claimer = await open(await server.createDatabase(`bench_backlog_${scenarios.length}`));
    await prepare?.(claimer);
    await fill(claimer, backlog);
    await claimer.pool.query(`vacuum analyze ${claimer.contender.table}`);
    scenarios.push({ name: scenario, backlog, claimer, claimsMs: [] });
  };
  for (const backlog of backlogs) await add(`${backlog.toLocaleString('en')} waiting`, backlog);
  if (name === 'lamplighter') await add('1,000 waiting behind another function', SMALL, fillOther);

  // The first round only warms up.
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const { claimer, claimsMs } of scenarios) {
      const took = await claimSome(claimer, CLAIMS);
      if (round > 0) claimsMs.push(...took);
    }
  }
  for (const { name: scenario, claimer, claimsMs } of scenarios) {
    rows.push({ queue: claimer.title, scenario, ...figures(claimsMs) });
    await claimer.close();
  }
  const at = (index: number) => median(scenarios.at(index)?.claimsMs ?? []);
  if (name === 'lamplighter') {
    verdicts.push(
      atMost(`claim with ${backlogs.at(-1)} waiting, against 1,000`, round3(at(backlogs.length - 1) / at(0)), 1.5),
      atMost('claim behind another function, against 1,000 alone', round3(at(-1) / at(0)), 1.5),
    );
  }
}

for (const { name, open } of peers) {
  for (const isHeld of [false, true]) {
    const uri = await server.createDatabase(`bench_passing`);
    const claimer = await open(uri);
    await fill(claimer, PASSING_BACKLOG);
    await claimer.pool.query(`vacuum analyze ${claimer.contender.table}`);
    await claimSome(claimer, CLAIMS);
    const snapshot = isHeld ? await holdSnapshot(uri) : undefined;
    const first = await claimSome(claimer, CLAIMS * 2);
    await claimSome(claimer, PASSING / CLAIM);
    const last = await claimSome(claimer, CLAIMS * 2);
    await snapshot?.release();
    await claimer.close();
    const held = isHeld ? 'snapshot held' : 'no snapshot';
    rows.push({ queue: claimer.title, scenario: `${held}, first claims`, ...figures(first) });
    rows.push({ queue: claimer.title, scenario: `${held}, after ${PASSING.toLocaleString('en')}`, ...figures(last) });
    if (name === 'lamplighter' && isHeld) {
      verdicts.push(atMost('claim under a snapshot, last against first', round3(median(last) / median(first)), 1.5));
    }
  }
}

await publish(
  {
    bench: 'backlog',
    subject: `milliseconds of a claim of ${CLAIM} requests`,
    rows,
    verdicts,
    notes: [`Another function: ${options.requests.toLocaleString('en')} requests of it wait in the same table.`],
  },
  options,
  server,
);

async function fill({ contender, pool }: Claimer, count: number): Promise<void> {
  for (let left = count; left > 0; left -= CHUNK) await contender.fill(pool, Math.min(left, CHUNK));
}

async function fillOther({ pool }: Claimer): Promise<void> {
  for (let left = options.requests; left > 0; left -= CHUNK) {
    await pool.query(
      `insert into public.steadytext_queue (function_name, parameters)
       select 'embed', jsonb_build_object('text', 'document ' || n) from generate_series(1, $1::integer) as n`,
      [Math.min(left, CHUNK)],
    );
  }
}

/** Milliseconds of each claim. */
async function claimSome({ contender, pool, claim, settle }: Claimer, count: number): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const startedMs = performance.now();
    const claimed = await claim(CLAIM);
    took.push(performance.now() - startedMs);
    if (claimed !== CLAIM) throw new Error(`expected ${CLAIM} requests from a claim, got ${claimed}`);
    await settle();
    await contender.fill(pool, CLAIM);
  }
  return took;
}

function figures(claimsMs: readonly number[]) {
  const sorted = [...claimsMs].sort((a, b) => a - b);
  return {
    'median ms': round3(median(sorted)),
    'best ms': round3(sorted[0] ?? Number.NaN),
    'worst ms': round3(sorted.at(-1) ?? Number.NaN),
  };
}
