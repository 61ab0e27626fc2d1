import { onProcessExit } from '../../core/env.ts';
import { type ThreadControl, tellToStop, waitOutside } from './thread-control.ts';

/** Longest delay of the end of a process; a batch takes a tenth of a second, of a large model some seconds. */
const EXIT_TIMEOUT_MS = 10_000;

const guarded = new Set<ThreadControl>();
let isWatching = false;

/** Holds the end of the process until the thread is outside the engine; the function that forgets the thread. */
export function guardExit(control: ThreadControl): () => void {
  guarded.add(control);
  if (!isWatching) onProcessExit(stopAll);
  isWatching = true;
  return () => {
    guarded.delete(control);
  };
}

function stopAll(): void {
  for (const control of guarded) tellToStop(control);
  for (const control of guarded) waitOutside(control, EXIT_TIMEOUT_MS);
}
