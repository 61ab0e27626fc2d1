/**
 * What a thread and its owner share. A thread must not be ended by force while it is inside the engine: the engine's binding then throws
 * where nothing can catch it, and the whole process aborts (onnxruntime-node 1.30). So the owner asks, and the thread stops by itself.
 */
export interface ThreadControl {
  /** [is told to stop, is inside the engine], each 0 or 1. */
  readonly state: Int32Array;
}

const STOP = 0;
const BUSY = 1;

export function createThreadControl(): ThreadControl {
  return { state: new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) };
}

/** The thread does not enter the engine any more. */
export function tellToStop({ state }: ThreadControl): void {
  Atomics.store(state, STOP, 1);
}

/** Stops the calling thread until the other one is outside the engine, at most `timeoutMs`; for the end of a process only. */
export function waitOutside({ state }: ThreadControl, timeoutMs: number): void {
  Atomics.wait(state, BUSY, 1, timeoutMs);
}

/** Runs what enters the engine, in the thread. Rejects without running it once the thread was told to stop. */
export async function insideEngine<T>({ state }: ThreadControl, run: () => Promise<T>): Promise<T> {
  // Set before the look at the other flag: either this sees that it is to stop, or the owner sees that it is inside.
  Atomics.store(state, BUSY, 1);
  try {
    if (Atomics.load(state, STOP) === 1) throw new Error("The engine's thread was told to stop");
    return await run();
  } finally {
    Atomics.store(state, BUSY, 0);
    Atomics.notify(state, BUSY);
  }
}
