/**
 * Memory of a worker while it drains a backlog of prompts of 10 kB: what its process had resident when idle, and the most it ever had.
 * It runs the compiled `worker` command in a process of its own with a model that is nothing, so all of it is Node, Lamplighter and
 * requests in flight.
 *
 * Target: at most 150 MB above the models, all told.
 *
 * usage: tsx bench/memory.ts [--rounds 3] [--requests 100000] [--quick] [--save]
 */

import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { contenderNamed } from './support/contenders/registry.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const PROMPT_BYTES = 10_000;
const CHUNK = 5_000;
const SETTLE_MS = 3_000;
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const WORKER = fileURLToPath(new URL('support/memory-worker.mjs', import.meta.url));

const options = readBenchOptions({ full: { rounds: 3, requests: 100_000 }, quick: { rounds: 1, requests: 5_000 } });
await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  cwd: ROOT,
});
await using server = await startBenchServer();
const contender = contenderNamed('lamplighter-batched');
const rows = [];
const verdicts = [];
for (const maxBatch of [1, 32, 500]) {
  const taken = [];
  for (let round = 0; round < options.rounds; round += 1) taken.push(await measure(maxBatch));
  const idleMb = round3(median(taken.map(({ idle }) => idle)));
  const peakMb = round3(median(taken.map(({ peak }) => peak)));
  rows.push({
    'model takes at once': maxBatch,
    'idle MB': idleMb,
    'peak MB': peakMb,
    'worst peak MB': round3(Math.max(...taken.map(({ peak }) => peak))),
    'above idle MB': round3(peakMb - idleMb),
  });
  verdicts.push(atMost(`peak MB, model that takes ${maxBatch}`, peakMb, 150));
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

async function measure(maxBatch: number): Promise<{ idle: number; peak: number }> {
  const uri = await server.createDatabase('bench_memory');
  await contender.migrate(uri);
  const pool = openPool(uri);
  const child = fork(WORKER, [uri, String(maxBatch)], { execArgv: [] });
  const exited = once(child, 'exit');
  try {
    await once(child, 'message');
    await sleep(SETTLE_MS);
    const idle = (await readMemory(child.pid ?? 0)).residentMb;
    // The whole backlog is there before the worker may begin.
    await pool.query("select public.steadytext_pause('generate')");
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
    await pool.query("select public.steadytext_resume('generate')");
    for (let handled = 0; handled < options.requests; ) {
      await sleep(100);
      child.send('how many');
      [handled] = await once(child, 'message');
    }
    return { idle, peak: (await readMemory(child.pid ?? 0)).peakMb };
  } finally {
    child.kill('SIGKILL');
    await exited;
    await pool.end();
  }
}

/** As the kernel counts it: resident now, and at most ever. */
async function readMemory(pid: number): Promise<{ residentMb: number; peakMb: number }> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const at = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1_024) / 1e6;
  return { residentMb: at('VmRSS'), peakMb: at('VmHWM') };
}
