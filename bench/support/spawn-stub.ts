import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('stub-worker-process.ts', import.meta.url));

/** Starts the stub worker and resolves when it works; `close` kills it. */
export async function spawnStub(uri: string, mode: 'waiting' | 'polling'): Promise<{ close(): Promise<void> }> {
  const child = fork(ENTRY, [uri, mode], { execArgv: ['--import', 'tsx'] });
  const exited = once(child, 'exit');
  await Promise.race([once(child, 'message'), exited.then(() => Promise.reject(new Error('the stub worker ended')))]);
  return {
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}
