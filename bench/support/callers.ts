import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('caller-process.ts', import.meta.url));
/** More connections would keep one process of Node busy by themselves. */
const CALLERS_PER_PROCESS = 8;

/** Callers that enqueue through connections of their own. */
export interface Callers {
  /** All enqueue for that long; how many requests a second were committed. */
  enqueueFor(durationMs: number): Promise<number>;
  close(): Promise<void>;
}

/** Starts the processes and connects them. */
export async function spawnCallers(uri: string, count: number): Promise<Callers> {
  const children: ChildProcess[] = [];
  for (let left = count; left > 0; left -= CALLERS_PER_PROCESS) {
    const args = [uri, String(Math.min(left, CALLERS_PER_PROCESS))];
    children.push(fork(ENTRY, args, { execArgv: ['--import', 'tsx'] }));
  }
  await Promise.all(children.map(answerOf));
  return {
    async enqueueFor(durationMs) {
      const startedMs = performance.now();
      const answers = children.map(answerOf);
      for (const child of children) child.send(durationMs);
      const counts = await Promise.all(answers);
      const seconds = (performance.now() - startedMs) / 1_000;
      return counts.map(Number).reduce((sum, committed) => sum + committed, 0) / seconds;
    },
    async close() {
      for (const child of children) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
    },
  };
}

/** The next message of a process; fails when it ends instead. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const ended = once(child, 'exit', { signal: over.signal }).then(() => {
    throw new Error('a process of callers ended');
  });
  ended.catch(() => undefined);
  try {
    const [answer] = await Promise.race([once(child, 'message', { signal: over.signal }), ended]);
    return answer;
  } finally {
    over.abort();
  }
}
