/**
 * Memory of a worker while it drains a backlog of prompts of 10 kB: what its process had resident when idle, and the most it ever had.
 * The model is nothing, so all of it is Node, Lamplighter and requests in hand. (tsx, which runs it here from source, is in it too.)
 *
 * Target: at most 150 MB above the models, all told.
 *
 * usage: tsx bench/memory.ts [--requests 100000] [--quick] [--save]
 */

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { spawnContender } from './support/contender-worker.ts';
import { contenderNamed } from './support/contenders/registry.ts';
import { atMost, publish } from './support/report.ts';
import { round3 } from './support/statistics.ts';

const PROMPT_BYTES = 10_000;
const CHUNK = 5_000;
const SETTLE_MS = 3_000;

const options = readBenchOptions({ full: { rounds: 1, requests: 100_000 }, quick: { rounds: 1, requests: 5_000 } });
await using server = await startBenchServer();
const rows = [];
const verdicts = [];
for (const name of ['lamplighter-batched', 'lamplighter'] as const) {
  const { title, idleMb, peakMb } = await measure(name);
  rows.push({ worker: title, 'idle MB': idleMb, 'peak MB': peakMb, 'above idle MB': round3(peakMb - idleMb) });
  verdicts.push(atMost(`peak MB, ${title}`, peakMb, 150));
}
await publish(
  {
    bench: 'memory',
    subject: `resident MB of a worker, backlog of ${options.requests.toLocaleString('en')} prompts of 10 kB, no-op model`,
    rows,
    verdicts,
  },
  options,
  server,
);

async function measure(name: 'lamplighter-batched' | 'lamplighter') {
  const contender = contenderNamed(name);
  const uri = await server.createDatabase('bench_memory');
  await contender.migrate(uri);
  const pool = openPool(uri);
  const worker = await spawnContender(name, uri);
  try {
    let handled = 0;
    await worker.count((count) => {
      handled = count;
    });
    await sleep(SETTLE_MS);
    const idleMb = (await readMemory(worker.pid)).residentMb;
    await worker.stop();
    for (let left = options.requests; left > 0; left -= CHUNK) {
      await pool.query(
        `insert into public.steadytext_queue (function_name, parameters)
         select 'generate', jsonb_build_object('prompt', n || long.prompt, 'max_tokens', 16, 'use_cache', false, 'seed', 42)
         from (select left(string_agg(md5(random()::text), ''), $2::integer) as prompt
               from generate_series(1, $2::integer / 32 + 1)) as long
         cross join generate_series(1, $1::integer) as n`,
        [Math.min(left, CHUNK), PROMPT_BYTES],
      );
    }
    await worker.count((count) => {
      handled = count;
    });
    while (handled < options.requests) await sleep(100);
    const { peakMb } = await readMemory(worker.pid);
    return { title: contender.title, idleMb, peakMb };
  } finally {
    await worker[Symbol.asyncDispose]();
    await pool.end();
  }
}

/** As the kernel counts it: resident now, and at most ever. */
async function readMemory(pid: number): Promise<{ residentMb: number; peakMb: number }> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const at = (name: string) =>
    round3((Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1_024) / 1e6);
  return { residentMb: at('VmRSS'), peakMb: at('VmHWM') };
}
