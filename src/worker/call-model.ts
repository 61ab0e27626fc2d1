import { messageOf } from '../core/errors.ts';
import { failed, type ItemOutcome } from '../models/outcome.ts';
import type { Model, ModelRequest } from '../models/port.ts';
import { answerRequests } from '../models/answer-requests.ts';

/**
 * Asks the model for all items in one call; when the whole call fails, for each item alone, so that one bad item is found and hurts no
 * other. Stops between calls when the signal aborts; items without an answer are not reported then.
 */
export async function callModel<Item>(
  model: Model,
  items: readonly Item[],
  requestOf: (item: Item) => ModelRequest,
  signal: AbortSignal,
  report: (item: Item, answer: ItemOutcome<string>) => void,
): Promise<void> {
  if (items.length === 0 || signal.aborted) return;
  try {
    const answers = await answerRequests(model, items.map(requestOf), signal);
    items.forEach((item, position) => {
      const answer = answers[position];
      if (answer !== undefined && !(signal.aborted && !answer.ok)) report(item, answer);
    });
  } catch (error) {
    if (signal.aborted) return;
    const [only] = items;
    if (items.length === 1 && only !== undefined) {
      report(only, failed(messageOf(error), error));
      return;
    }
    for (const item of items) await callModel(model, [item], requestOf, signal, report);
  }
}
