import { failed, type ItemFailure, type ItemOutcome } from '../../outcome.ts';
import type { HttpProblem } from '../transport/problem.ts';
import type { BatchBudget } from './batch-budget.ts';
import type { Suspects } from './suspects.ts';

/** Requests in a row that bring nothing, after which the rest of a part is left for later. */
const MAX_FAILURES_IN_A_ROW = 12;

export type BatchReply<Value> =
  | { readonly ok: true; readonly outcomes: readonly ItemOutcome<Value>[] }
  | { readonly ok: false; readonly problem: HttpProblem };

export interface BatchCall<Item, Value> {
  readonly budget: BatchBudget;
  readonly suspects: Suspects;
  bytesOf(item: Item): number;
  /** A text that equal items share. */
  keyOf(item: Item): string;
  /** `isProbe` for requests that look for the item to blame. */
  send(items: readonly Item[], isProbe: boolean): Promise<BatchReply<Value>>;
}

/** What became known while one part is taken apart. */
interface Search {
  failuresInARow: number;
}

/**
 * One outcome per item: cut into requests within the budget, and where a request is refused or breaks the server, into halves
 * until the items to blame stand alone. A problem of the server itself is every item's outcome.
 */
export async function answerBatch<Item, Value>(
  items: readonly Item[],
  call: BatchCall<Item, Value>,
): Promise<ItemOutcome<Value>[]> {
  const parts = call.budget.cut(items, call.bytesOf);
  const answers = await Promise.all(parts.map((part) => answerPart(part, call, { failuresInARow: 0 }, false)));
  return answers.flat();
}

async function answerPart<Item, Value>(
  items: readonly Item[],
  call: BatchCall<Item, Value>,
  search: Search,
  isProbe: boolean,
): Promise<ItemOutcome<Value>[]> {
  const reply = await call.send(items, isProbe);
  if (reply.ok) {
    call.suspects.recordAnswer();
    call.budget.pass(items.length);
    search.failuresInARow = 0;
    return [...reply.outcomes];
  }
  const { problem } = reply;
  search.failuresInARow += 1;
  if (items.length === 1) {
    return items.map((item) => outcomeOfProblem(problem, call.suspects, call.keyOf(item)));
  }
  const isDivisible = problem.kind === 'refused' || problem.kind === 'garbled' || problem.kind === 'failing';
  if (!isDivisible || search.failuresInARow >= MAX_FAILURES_IN_A_ROW)
    return items.map(() => ({ ok: false, error: laterOf(problem) }));
  const middle = Math.ceil(items.length / 2);
  const first = await answerPart(items.slice(0, middle), call, search, true);
  const second = await answerPart(items.slice(middle), call, search, true);
  const outcomes = [...first, ...second];
  if (problem.kind === 'refused' && outcomes.every(({ ok }) => ok)) call.budget.shrink(items.length);
  return outcomes;
}

/** What a problem means for the one item that was asked for. */
export function outcomeOfProblem({ kind, error }: HttpProblem, suspects: Suspects, key: string): ItemFailure {
  if (kind === 'failing' && suspects.isGuilty(key)) return failed(`${error.message}, for this request each time`);
  return { ok: false, error };
}

/** A batch that was given up is nobody's fault, whatever the last request of it was told. */
function laterOf({ kind, error }: HttpProblem) {
  return kind === 'missing' ? error : { ...error, kind: 'unavailable' as const };
}
