import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Trouble } from '../core/recurring-trouble.ts';
import { type Loop, type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import type { LiveEvent, Overview } from './api.ts';
import type { DashboardDb } from './dashboard-db.ts';

const LOOK_MS = 400;
const SAMPLE_MS = 1_000;
/** Least time between two events of changes: four a second. */
const CHANGED_MS = 250;
const HEARTBEAT_MS = 10_000;

export type Topic = Extract<LiveEvent, { type: 'changed' }>['data']['topics'][number];
export const TOPICS: readonly Topic[] = ['requests', 'tasks', 'jobs', 'workers', 'operations'];

/** Hears notifications for as long as it runs; each names what has changed. */
export type Hear = (onChange: (topics: readonly Topic[]) => void) => Service;

/** Undefined is a heartbeat: nothing has happened. */
export type Subscriber = (event: LiveEvent | undefined) => void;

/** The events for all viewers, from one read of the database. */
export interface Live extends Service {
  /** Changes whenever something in the database may have changed. */
  readonly epoch: number;
  /** Tells of all that happens from now on, until the function that it returns is called. */
  subscribe(subscriber: Subscriber): () => void;
  /** Something has changed, and this process knows. */
  noteChange(topics: readonly Topic[]): void;
}

export interface LiveDeps {
  readonly db: DashboardDb;
  readonly readOverview: (db: Queryable) => Promise<Overview>;
  /** @default only what looking finds */
  readonly hear?: Hear | undefined;
  readonly trouble: Trouble;
  readonly clock: Clock;
}

/**
 * Duty: reads the database while the dashboard has viewers, and only then. Twice a second it asks whether any transaction has committed,
 * because then something may have changed, and once a second it reads the overview. Notifications only make it faster. Writes nothing.
 */
export function createLive({ db, readOverview, hear, trouble, clock }: LiveDeps): Live {
  const subscribers = new Set<Subscriber>();
  let looking: { readonly loop: Loop; readonly listener: Service | undefined } | undefined;
  let closing: Promise<unknown> = Promise.resolve();
  let epoch = 0;
  let snapshot = '';
  let sampledMs = Number.NEGATIVE_INFINITY;
  let beatenMs = clock.nowMs();
  let toldMs = Number.NEGATIVE_INFINITY;
  let untold = new Set<Topic>();
  let last: LiveEvent | undefined;

  function send(event: LiveEvent | undefined): void {
    for (const subscriber of subscribers) subscriber(event);
  }

  function tellChanges(): void {
    if (untold.size === 0 || clock.nowMs() - toldMs < CHANGED_MS) return;
    toldMs = clock.nowMs();
    const topics = [...untold];
    untold = new Set();
    send({ type: 'changed', data: { topics } });
  }

  function noteChange(topics: readonly Topic[]): void {
    epoch += 1;
    for (const topic of topics) untold.add(topic);
    tellChanges();
    // What came too soon is told with the next look.
    if (untold.size > 0) looking?.loop.wake();
  }

  async function look(): Promise<void> {
    const nowMs = clock.nowMs();
    const isSampleDue = nowMs - sampledMs >= SAMPLE_MS;
    const seen = await db.read(async (transaction) => {
      const { rows } = await transaction.query<{ snapshot: string }>(
        'select pg_catalog.pg_current_snapshot()::pg_catalog.text as snapshot',
      );
      return { snapshot: rows[0]?.snapshot ?? '', overview: isSampleDue ? await readOverview(transaction) : undefined };
    });
    if (seen.snapshot !== snapshot) {
      snapshot = seen.snapshot;
      noteChange(TOPICS);
    }
    if (seen.overview !== undefined) {
      sampledMs = nowMs;
      last = { type: 'sample', data: seen.overview };
      send(last);
    }
  }

  function tellLost(error: unknown): void {
    const since = last?.type === 'lost' ? last.data.since : new Date().toISOString();
    last = { type: 'lost', data: { since, error: messageOf(error) } };
    epoch += 1;
    // The next look that goes well is told at once, with a sample.
    sampledMs = Number.NEGATIVE_INFINITY;
    snapshot = '';
    send(last);
  }

  function begin(): void {
    if (looking !== undefined) return;
    const loop = startLoop({
      intervalMs: () => (untold.size > 0 ? CHANGED_MS : LOOK_MS),
      async runOnce() {
        try {
          await look();
          trouble.settle();
        } catch (error) {
          trouble.note(error);
          tellLost(error);
        }
        tellChanges();
        if (clock.nowMs() - beatenMs < HEARTBEAT_MS) return;
        beatenMs = clock.nowMs();
        send(undefined);
      },
      // A failed look is no failure of the loop, whose pauses would grow.
      onError: () => undefined,
      onDeath: (error) => trouble.die(error),
      clock,
    });
    looking = { loop, listener: hear?.(noteChange) };
  }

  function end(): void {
    if (looking === undefined) return;
    const { loop, listener } = looking;
    looking = undefined;
    last = undefined;
    sampledMs = Number.NEGATIVE_INFINITY;
    closing = Promise.all([closing, loop.stop(), listener?.stop()]);
    closing.catch(() => undefined); // `stop` tells
  }

  return {
    get epoch() {
      return epoch;
    },
    noteChange,
    subscribe(subscriber) {
      subscribers.add(subscriber);
      if (last !== undefined) subscriber(last);
      begin();
      return () => {
        subscribers.delete(subscriber);
        if (subscribers.size === 0) end();
      };
    },
    async stop() {
      subscribers.clear();
      end();
      await closing;
    },
  };
}
