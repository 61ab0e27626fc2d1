/**
 * Runs every benchmark, one after the other, each in a process of its own, and passes its arguments on. With --quick it takes a few
 * minutes and shows that all of them run; the soak and the large backlog take most of the time otherwise.
 *
 * usage: tsx bench/all.ts [--quick] [--save] [--skip soak,scale]
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BENCHES = [
  'throughput',
  'one-at-a-time',
  'latency',
  'notify',
  'snapshot',
  'backlog',
  'scale',
  'memory',
  'idle',
  'large-table',
  'recovery',
  'tasks',
  'tasks-cron',
  'traces',
  'handlers',
  'metrics',
  'capture',
  'embedding',
  'embedding-sync',
  'pgai',
  'vector-place',
  'neighbours',
  'many-jobs',
  'change-log',
  'large-backfill',
  'generation',
  'soak',
];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    skip: { type: 'string', default: '' },
  },
});
const skipped = values.skip.split(',');
const args = [...(values.quick ? ['--quick'] : []), ...(values.save ? ['--save'] : [])];
const failed: string[] = [];
for (const bench of BENCHES.filter((name) => !skipped.includes(name))) {
  const startedMs = performance.now();
  const entry = fileURLToPath(new URL(`${bench}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', entry, ...args], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  console.log(`\n${bench} took ${Math.round((performance.now() - startedMs) / 1_000)} s`);
  if (code !== 0) failed.push(bench);
}
if (failed.length > 0) {
  console.log(`did not run to the end: ${failed.join(', ')}`);
  process.exitCode = 1;
}
