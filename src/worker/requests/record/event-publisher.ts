import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { Troubles } from '../../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import { announceCompletions, type CompletionEvent } from '../../../requests/finish-requests.ts';

/** Events in one statement. */
const BATCH_LIMIT = 1_000;
/** Events that may wait; the oldest are dropped first, as their waiters have polled by then. */
const QUEUE_LIMIT = 20_000;
const IDLE_MS = 60_000;
/** How long a stop goes on sending what is left. */
const FLUSH_MS = 2_000;

export interface EventPublisherDeps {
  readonly db: Queryable;
  /** The worker whose dropped events are counted; a lost lease changes it. */
  readonly workerId: () => string;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface EventPublisher extends Service {
  /** Takes over events of completions that are committed. */
  add(events: readonly CompletionEvent[]): void;
}

/**
 * Duty: sends the events that the finishing transactions left unsent, as another one was just sending: all that have piled up in one
 * statement, one statement at a time. Writes notifications only, and how many were dropped. Events are hints: waiters poll as well and find
 * what was not sent when the process died, and after a failure an event may be sent twice.
 */
export function startEventPublisher({ db, workerId, log, troubles, clock }: EventPublisherDeps): EventPublisher {
  const queue: CompletionEvent[] = [];
  let givenUp = 0;

  function giveUp(count: number): void {
    queue.splice(0, count);
    // Once for each time that the queue fills up, not for each event.
    if (givenUp === 0)
      log.warn({ waiting: queue.length }, 'events cannot be sent as fast as requests end; dropping some');
    givenUp += count;
  }

  async function send(isOver: () => boolean): Promise<void> {
    while ((queue.length > 0 || givenUp > 0) && !isOver()) {
      const events = queue.splice(0, BATCH_LIMIT);
      const counted = givenUp;
      try {
        await announceCompletions(db, events, { workerId: workerId(), givenUp: counted });
      } catch (error) {
        queue.unshift(...events);
        throw error;
      }
      givenUp -= counted;
    }
  }

  const loop = startLoop({
    intervalMs: IDLE_MS,
    runOnce: (signal) => send(() => signal.aborted),
    trouble: troubles.define('send events'),
    clock,
  });

  return {
    add(events) {
      if (events.length === 0) return;
      queue.push(...events);
      if (queue.length > QUEUE_LIMIT) giveUp(queue.length - QUEUE_LIMIT);
      loop.wake();
    },
    async stop() {
      await loop.stop();
      const deadlineMs = clock.nowMs() + FLUSH_MS;
      await send(() => clock.nowMs() >= deadlineMs).catch((error: unknown) =>
        log.warn({ err: error }, 'could not send events'),
      );
      const events = queue.splice(0).length + givenUp;
      givenUp = 0;
      if (events > 0) log.warn({ events }, 'gave up on sending events');
    },
  };
}
