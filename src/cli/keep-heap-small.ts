import { setFlagsFromString } from 'node:v8';

/** How much the old space may grow over what was alive at its last collection, in percent. V8 lets 15 MB become 60. */
const GROWTH_PERCENT = 30;

/**
 * Keeps dead objects from piling up in V8's old space, for the whole process.
 *
 * V8 makes new objects old at once if most of their kind have outlived some collections, as the requests in hand do when a queue is
 * full. What such an object refers to, a prompt of 10 kB, then waits for a full collection even when both are long dead, and that comes
 * late. Both settings are read when they are needed, so they may come after the start.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
