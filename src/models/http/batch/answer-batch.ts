import pLimit from 'p-limit';
import { groupBy } from '../../../core/group-by.ts';
import { failed, type ItemOutcome } from '../../outcome.ts';
import type { Asking } from '../transport/http-client.ts';
import type { HttpProblem } from '../transport/problem.ts';
import { askAlone, type Problem } from './ask-alone.ts';
import type { BatchBudget } from './batch-budget.ts';
import type { ItemQuarantine } from './item-quarantine.ts';

/** Requests in a row that bring nothing, after which the rest of a part is left for later. */
const MAX_FAILURES_IN_A_ROW = 12;
/** Failures that break the server, after which it is asked whether it still answers anything. */
const FAILURES_TO_CHECK = 8;
/** Requests at once that look for the items that break the server: one that it hangs on must not hold up the rest. */
const SEARCH_WIDTH = 4;

export type BatchReply<Value> = { readonly ok: true; readonly outcomes: readonly ItemOutcome<Value>[] } | Problem;

export interface BatchCall<Item, Value> {
  readonly budget: BatchBudget;
  readonly quarantine: ItemQuarantine;
  bytesOf(item: Item): number;
  /** A text that equal items share. */
  keyOf(item: Item): string;
  send(items: readonly Item[], asking: Asking): Promise<BatchReply<Value>>;
}

/** What became known while parts are taken apart. */
interface Search {
  readonly limit: <T>(run: () => Promise<T>) => Promise<T>;
  failuresInARow: number;
  failuresSinceCheck: number;
  /** Why the rest is left for later. */
  end: HttpProblem | undefined;
}

interface Entry<Item> {
  readonly item: Item;
  readonly index: number;
}

/**
 * One outcome per item: cut into requests within the budget, and where a request is refused or breaks the server, into halves
 * until the items to blame stand alone. A problem of the server itself is every item's outcome.
 *
 * Items of a request that took the server down come after all others, and each time in half the company, so that the one that
 * does it is alone at last.
 */
export async function answerBatch<Item, Value>(
  items: readonly Item[],
  call: BatchCall<Item, Value>,
): Promise<ItemOutcome<Value>[]> {
  const { budget, quarantine, bytesOf, keyOf } = call;
  const outcomes: ItemOutcome<Value>[] = new Array(items.length);
  const entries = items.map((item, index) => ({ item, index }));
  const byLimit = [...groupBy(entries, ({ item }) => quarantine.limitOf(keyOf(item)))].sort(([a], [b]) => b - a);
  for (const [limit, group] of byLimit) {
    const parts = budget.cut(group, ({ item }) => bytesOf(item), limit);
    if (limit === Number.POSITIVE_INFINITY) {
      await Promise.all(parts.map((part) => answerPart(part, call, outcomes, createSearch(), true)));
      continue;
    }
    const search = createSearch();
    for (const part of parts) await answerPart(part, call, outcomes, search, true);
  }
  return outcomes;
}

function createSearch(): Search {
  return { limit: pLimit(SEARCH_WIDTH), failuresInARow: 0, failuresSinceCheck: 0, end: undefined };
}

async function answerPart<Item, Value>(
  part: readonly Entry<Item>[],
  call: BatchCall<Item, Value>,
  outcomes: ItemOutcome<Value>[],
  search: Search,
  isWhole: boolean,
): Promise<void> {
  const items = part.map(({ item }) => item);
  const send = (asking: Asking) =>
    search.limit(async (): Promise<BatchReply<Value>> => {
      return search.end === undefined ? call.send(items, asking) : { ok: false, problem: search.end };
    });
  const [only] = items;
  const isCheck = isWhole || search.failuresSinceCheck >= FAILURES_TO_CHECK;
  const reply =
    only !== undefined && items.length === 1
      ? await askAlone(send, { quarantine: call.quarantine, key: call.keyOf(only) })
      : await send({ isProbe: !isCheck });
  if (reply.ok) {
    call.budget.pass(items.length);
    search.failuresInARow = 0;
    for (const [at, { item, index }] of part.entries()) {
      call.quarantine.clear(call.keyOf(item));
      outcomes[index] = reply.outcomes[at] ?? failed('The server gave no answer for this one');
    }
    return;
  }
  const { problem } = reply;
  learn(problem, search);
  if (items.length === 1) {
    for (const { index } of part) outcomes[index] = { ok: false, error: reply.error ?? problem.error };
    return;
  }
  if (problem.pulse === 'silent') for (const item of items) call.quarantine.note(call.keyOf(item), items.length);
  const isDivisible = problem.kind === 'refused' || problem.kind === 'garbled' || problem.kind === 'failing';
  if (!isDivisible || search.end !== undefined || search.failuresInARow >= MAX_FAILURES_IN_A_ROW) {
    for (const { index } of part) outcomes[index] = { ok: false, error: laterOf(problem) };
    return;
  }
  const answer = (less: readonly Entry<Item>[]) => answerPart(less, call, outcomes, search, false);
  const middle = Math.ceil(part.length / 2);
  const halves = [part.slice(0, middle), part.slice(middle)];
  if (problem.isTimeout === true) await Promise.all(part.map((entry) => answer([entry])));
  else if (problem.kind === 'failing') await Promise.all(halves.map(answer));
  else for (const half of halves) await answer(half);
  if (problem.kind === 'refused' && part.every(({ index }) => outcomes[index]?.ok === true)) {
    call.budget.shrink(items.length);
  }
}

function learn(problem: HttpProblem, search: Search): void {
  search.failuresInARow = problem.pulse === 'answers' ? 0 : search.failuresInARow + 1;
  search.failuresSinceCheck = problem.pulse === undefined ? search.failuresSinceCheck + 1 : 0;
  if (problem.kind === 'unavailable' || problem.pulse === 'silent') search.end ??= { ...problem, kind: 'unavailable' };
}

/** An aborted batch is charged to no request, whatever the outcome of its last request. */
function laterOf({ kind, error }: HttpProblem) {
  return kind === 'missing' ? error : { ...error, kind: 'unavailable' as const };
}
