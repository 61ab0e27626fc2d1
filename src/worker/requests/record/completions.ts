import type { Outcome } from '../../../requests/finish-requests.ts';
import type { HeldRequest } from '../in-flight.ts';

/** A request that is to be ended so. */
export interface Completed {
  readonly held: HeldRequest;
  readonly outcome: Outcome;
  /** How often the database has refused this end by itself, as a trigger of the user's may. @default 0 */
  readonly refusals?: number;
}

/** True when the end of a request does not matter any more, as the request is somebody else's or gone. */
export function isMoot({ held }: Completed): boolean {
  return held.abortReason === 'lost';
}

const BATCH_LIMIT = 500;
/** Of the results in one statement, in UTF-16 units. */
const BATCH_LENGTH = 8_000_000;

/** Of the result, in UTF-16 units. */
export function lengthOf({ outcome }: Completed): number {
  return outcome.kind === 'completed' ? outcome.result.length : 0;
}

/** How many of the first ends go into one statement: of one worker id, in bounded number and size. */
export function countBatch(ends: readonly Completed[]): number {
  const workerId = ends[0]?.held.workerId;
  let length = 0;
  let count = 0;
  for (const end of ends) {
    const { held } = end;
    length += lengthOf(end);
    if (held.workerId !== workerId || count >= BATCH_LIMIT || (count > 0 && length > BATCH_LENGTH)) break;
    count += 1;
  }
  return count;
}
