/** Loads the model whose path is its argument, behind the port, and prints what that took, as JSON: milliseconds,
 * resident bytes, and for how long the event loop stood still. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { loadBehindPort } from './generation-models.ts';

const [path = ''] = process.argv.slice(2);
const before = process.memoryUsage.rss();
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const times: number[] = [];
const resident: number[] = [];
// The first load starts the engine as well.
for (let load = 0; load < 2; load += 1) {
  const startedMs = performance.now();
  const model = await loadBehindPort(path);
  times.push(performance.now() - startedMs);
  resident.push(process.memoryUsage.rss() - before);
  await model.close();
}
console.log(
  JSON.stringify({ firstMs: times[0], againMs: times[1], residentBytes: resident[0], loopMs: delay.max / 1e6 }),
);
