/**
 * A process that is nothing but the worker of one contender, so that its time and memory are its own. Arguments: contender, URI. Does
 * what messages of its parent say; see contender-worker.ts.
 */
import process from 'node:process';
import type { FromWorker, ToWorker } from './contender-messages.ts';
import type { RunningWorker } from './contenders/contender.ts';
import { type ContenderName, contenderNamed } from './contenders/registry.ts';

const [name, uri = ''] = process.argv.slice(2);
const contender = contenderNamed(name as ContenderName); // the parent passes a name that it knows

let expected = 0;
let handled = 0;
let worker: RunningWorker | undefined;

function send(message: FromWorker): void {
  process.send?.(message);
}

function usage(): { cpuSeconds: number; atMs: number; rssBytes: number } {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, atMs: Date.now(), rssBytes: process.memoryUsage.rss() };
}

function onHandled(count: number): void {
  if (handled === 0) send({ kind: 'first', ...usage() });
  handled += count;
  if (handled >= expected) send({ kind: 'all', ...usage() });
}

async function obey(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'start':
      expected = message.expected;
      handled = 0;
      worker = await contender.startWorker(uri, onHandled);
      send({ kind: 'started' });
      break;
    case 'usage':
      send({ kind: 'usage', ...usage() });
      break;
    case 'stop':
      await worker?.stop();
      worker = undefined;
      send({ kind: 'stopped' });
      break;
  }
}

process.on('message', (message: ToWorker) => {
  obey(message).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
// Its parent is gone: so is the reason to work.
process.on('disconnect', () => process.exit(0));
send({ kind: 'ready' });
