/**
 * Loads one model through the port in a process of its own and lets it answer once. Argument: its name. Sends how long that took and what
 * it left in memory.
 */
import process from 'node:process';
import { listBenchModels, loadThroughPort } from './embedding-models.ts';

const residentMb = () => process.memoryUsage.rss() / 1e6;

const model = listBenchModels().models.find(({ name }) => name === process.argv[2]);
if (model === undefined) throw new Error(`no model "${process.argv[2]}"`);
const before = residentMb();
const startedMs = performance.now();
const loaded = await loadThroughPort(model);
await loaded.embed(['lamp'], new AbortController().signal);
const startMs = performance.now() - startedMs;
const loadedMb = residentMb() - before;
// As many and as long as one call may bring.
await loaded.embed(
  Array.from({ length: 64 }, () => 'word '.repeat(600)),
  new AbortController().signal,
);
process.send?.({ startMs, loadedMb, afterMb: residentMb() - before });
await loaded.close();
process.disconnect();
