import type { ItemOutcome } from './outcome.ts';

/**
 * How a model says what it is at in a call of several items, as far as it knows. One that says nothing is taken to be at all of them until it
 * has answered.
 */
export interface CallProgress<Value> {
  /** How long the model may be at the same items before the caller gives the call up. @default no limit */
  readonly limitMs?: number | undefined;
  /**
   * The items at these positions are worked on from now on, and no others; none while the call waits for its turn, or for an engine. When a
   * call takes too long, it is held against these alone.
   */
  working(positions: readonly number[]): void;
  /** The outcome of one item, which stands whatever becomes of the others. */
  ended(position: number, outcome: ItemOutcome<Value>): void;
}
