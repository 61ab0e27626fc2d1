import type { ActionOutcome } from '../../../src/dashboard/api.ts';
import { showCount, showMany } from '../format/numbers.ts';
import { notify, notifyFailure } from '../parts/notices.tsx';
import { ask } from '../server/ask.ts';
import { ACTIONS, type Action, type Kind } from './actions.ts';

/** Asks for an action on these rows and tells what came of it. */
export async function act(kind: Kind, action: Action, ids: readonly string[]): Promise<void> {
  await tell(ACTIONS[action].past, kind === 'requests' ? 'request' : 'task', () =>
    ask<ActionOutcome>(`${kind}/actions`, { body: { action, ids } }),
  );
}

/** Does what answers with an outcome, and tells how many rows it did and why it left others. */
export async function tell(past: string, thing: string, order: () => Promise<ActionOutcome>): Promise<void> {
  try {
    const { done, skipped } = await order();
    const [first] = skipped;
    if (first === undefined) notify('done', `${showMany(done, thing)} ${past}.`);
    else {
      const others = skipped.length === 1 ? '' : ` (and ${showCount(skipped.length - 1)} more)`;
      notify(
        'error',
        `${showMany(done, thing)} ${past}, ${showCount(skipped.length)} left.`,
        `${first.id}: ${first.reason}${others}`,
      );
    }
  } catch (error) {
    notifyFailure(error);
  }
}
