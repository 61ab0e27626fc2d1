import type { Outcome } from '../../../requests/finish-requests.ts';
import type { InFlightRequest } from '../in-flight.ts';

/** A request that is to be ended so. */
export interface Completion {
  readonly entry: InFlightRequest;
  readonly outcome: Outcome;
  /** How often the database has refused this completion by itself, as a trigger of the user's may. @default 0 */
  readonly refusals?: number;
}

/** True when the completion of a request does not matter any more, as the request is somebody else's or gone. */
export function isStale({ entry }: Completion): boolean {
  return entry.abortReason === 'lost';
}

const BATCH_LIMIT = 500;
/** Of the results in one statement, in UTF-16 units. */
const BATCH_LENGTH = 8_000_000;

/** Of the result, in UTF-16 units. */
export function lengthOf({ outcome }: Completion): number {
  return outcome.kind === 'completed' ? outcome.result.length : 0;
}

/** How many of the first completions go into one statement: of one worker id, in bounded number and size. */
export function countBatch(completions: readonly Completion[]): number {
  const workerId = completions[0]?.entry.workerId;
  let length = 0;
  let count = 0;
  for (const completion of completions) {
    const { entry } = completion;
    length += lengthOf(completion);
    if (entry.workerId !== workerId || count >= BATCH_LIMIT || (count > 0 && length > BATCH_LENGTH)) break;
    count += 1;
  }
  return count;
}
