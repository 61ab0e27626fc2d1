/**
 * A process that is nothing but the worker of one contender, so that its time and memory are its own. Arguments: contender, URI. Does
 * what messages of its parent say; see contender-worker.ts.
 */
import process from 'node:process';
import type { FromWorker, StartMessage, ToWorker } from './contender-messages.ts';
import type { OnHandled, RunningWorker } from './contenders/contender.ts';
import { type WorkableName, workableNamed } from './contenders/registry.ts';
import { monotonicMs } from './monotonic-ms.ts';

const COUNT_INTERVAL_MS = 5;

const [name, uri = ''] = process.argv.slice(2);
const workable = workableNamed(name as WorkableName); // the parent passes a name that it knows

let worker: RunningWorker | undefined;

function send(message: FromWorker): void {
  process.send?.(message);
}

function usage(): { cpuSeconds: number; atMs: number; rssBytes: number } {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, atMs: Date.now(), rssBytes: process.memoryUsage.rss() };
}

/** Tells of the first and of the last expected request. */
function tellEnds(expected: number): OnHandled {
  let handled = 0;
  return (size) => {
    if (handled === 0) send({ kind: 'first', ...usage() });
    const isMissing = handled < expected;
    handled += size;
    if (isMissing && handled >= expected) send({ kind: 'all', ...usage() });
  };
}

const tellEach: OnHandled = (_, prompts) => send({ kind: 'handled', atMs: monotonicMs(), prompts: prompts() });

/** Tells how many there were, but not more often than every few milliseconds. */
function tellCounts(): OnHandled {
  let handled = 0;
  let isTold = true;
  return (size) => {
    handled += size;
    if (!isTold) return;
    isTold = false;
    setTimeout(() => {
      isTold = true;
      send({ kind: 'count', handled });
    }, COUNT_INTERVAL_MS);
  };
}

function listenerFor(message: StartMessage): OnHandled {
  switch (message.tell) {
    case 'ends':
      return tellEnds(message.expected);
    case 'each':
      return tellEach;
    case 'counts':
      return tellCounts();
  }
}

async function obey(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'start':
      worker = await workable.startWorker(uri, listenerFor(message));
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
