import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../src/client/client.ts';
import { createClient } from '../../src/client/create-client.ts';
import { parseRequestId } from '../../src/client/request-id.ts';
import { hasCode } from '../../src/core/errors.ts';
import type { Queryable } from '../../src/db/query.ts';
import type { CallerJournal } from '../history/callers.ts';
import type { Actor } from '../history/journalling-worker.ts';
import { createRandom, type Random } from '../properties/random.ts';
import { embed, firstValue, generate } from '../support/requests.ts';
import { openTestPool } from '../support/test-pool.ts';

/** Somebody who queues requests, waits for some of them and changes their mind about others, whatever happens to the connection. */
export interface StormCaller {
  stop(): Promise<void>;
}

interface Hand {
  readonly random: Random;
  readonly journal: CallerJournal;
  /** Ids that this caller was given, the newest last. */
  readonly ids: string[];
}

const PAUSE_MS = 40;
const MOST_IDS = 200;

/** What the texts make the models do. */
const BEHAVIOUR = {
  '!sleep:1': 30,
  '!sleep:15': 30,
  '!sleep:60': 5,
  '!fail': 3,
  '!invalid': 2,
  '!throw': 2,
  '!unavailable-times:1': 2,
  '!die': 0.15,
} as const;

const textOf = ({ random, journal }: Hand) => journal.unique(random.weighted(BEHAVIOUR) ?? '!sleep:1');

/** Speaks plain SQL, as programs in any language do. */
export function startSqlCaller(role: Actor, journal: CallerJournal, seed: number): StormCaller {
  const pool = openTestPool({
    connectionString: role.uri,
    max: 2,
    connectionTimeoutMillis: 1_000,
    query_timeout: 5_000,
    application_name: 'storm caller',
  });
  const hand: Hand = { random: createRandom(seed), journal, ids: [] };
  return startCaller(
    hand,
    () => sqlStep(pool, hand),
    () => pool.end(),
  );
}

/** Uses the client for TypeScript. */
export function startClientCaller(role: Actor, journal: CallerJournal, seed: number): StormCaller {
  const client = createClient({ uri: role.uri, maxConnections: 3 });
  const hand: Hand = { random: createRandom(seed), journal, ids: [] };
  return startCaller(
    hand,
    () => clientStep(client, hand),
    () => client.close(),
  );
}

/** Takes one step after the other until it is stopped; `ids` keeps the newest of those it was given. */
export function startCaller(
  { ids }: { readonly ids: string[] },
  step: () => Promise<void>,
  close: () => Promise<void>,
): StormCaller {
  let isStopped = false;
  const run = async () => {
    while (!isStopped) {
      // What the caller was told is in the journal; the rest is the storm's.
      await step().catch(() => undefined);
      ids.splice(0, ids.length - MOST_IDS);
      await delay(PAUSE_MS);
    }
  };
  const done = run();
  return {
    async stop() {
      isStopped = true;
      await done;
      await close();
    },
  };
}

const SQL_STEPS = { embed: 5, generate: 4, rerank: 1, wait: 4, cancel: 1, retry: 1 } as const;

async function sqlStep(db: Queryable, hand: Hand): Promise<void> {
  const { random, journal, ids } = hand;
  const priority = random.int(4);
  const id = random.pick(ids);
  switch (random.weighted(SQL_STEPS)) {
    case 'embed': {
      const texts = Array.from({ length: 1 + random.int(12) }, () => textOf(hand));
      ids.push(...(await journal.enqueue(texts, () => embed(db, texts, { priority }))));
      return;
    }
    case 'generate': {
      const text = textOf(hand);
      ids.push(...(await journal.enqueue([text], async () => [await generate(db, text, { priority })])));
      return;
    }
    case 'rerank': {
      const text = textOf(hand);
      const call = `select public.steadytext_rerank_async($1, array['a', 'b ' || $1], use_cache => false)`;
      ids.push(...(await journal.enqueue([text], async () => [await firstValue(db, call, [text])])));
      return;
    }
    case 'wait':
      if (id === undefined) return;
      journal.see(id, 'completed', await firstValue(db, 'select public.steadytext_get_async_result($1, 2)', [id]));
      return;
    case 'cancel':
      if (id === undefined) return;
      await journal.act('cancel', id, () => firstValue(db, 'select public.steadytext_cancel_async($1)', [id]));
      return;
    case 'retry':
      if (id === undefined) return;
      await journal.act('retry', id, () => firstValue(db, 'select public.steadytext_retry($1)', [id]));
      return;
    case undefined:
  }
}

const CLIENT_STEPS = { embed: 4, generate: 4, wait: 5, check: 2, cancel: 1 } as const;

async function clientStep(client: Client, hand: Hand): Promise<void> {
  const { random, journal, ids } = hand;
  const options = { priority: random.int(4), useCache: false };
  const id = random.pick(ids);
  switch (random.weighted(CLIENT_STEPS)) {
    case 'embed': {
      const texts = Array.from({ length: 1 + random.int(12) }, () => textOf(hand));
      ids.push(...(await journal.enqueue(texts, () => client.embedBatch(texts, options))));
      return;
    }
    case 'generate': {
      const texts = Array.from({ length: 1 + random.int(4) }, () => textOf(hand));
      ids.push(...(await journal.enqueue(texts, () => client.generateBatch(texts, options))));
      return;
    }
    case 'wait':
      if (id !== undefined) await waitFor(client, hand, id);
      return;
    case 'check': {
      const checked = id === undefined ? undefined : await client.check(parseRequestId(id));
      if (id === undefined || checked === undefined) return;
      if (checked.status === 'failed' || checked.status === 'cancelled') journal.see(id, checked.status);
      return;
    }
    case 'cancel':
      if (id !== undefined) await journal.act('cancel', id, () => client.cancel(parseRequestId(id)));
      return;
    case undefined:
  }
}

async function waitFor(client: Client, { journal }: Hand, id: string): Promise<void> {
  try {
    const result = await client.wait(parseRequestId(id), { timeoutMs: 2_000 });
    journal.see(id, 'completed', typeof result === 'string' ? result : undefined);
  } catch (error) {
    if (hasCode(error, 'REQUEST_FAILED')) journal.see(id, 'failed');
    if (hasCode(error, 'REQUEST_CANCELLED')) journal.see(id, 'cancelled');
    throw error;
  }
}
