import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { createClient } from '../../src/client/create-client.ts';
import { type Cast, createCast } from '../roles/cast.ts';
import { firstValue, untilStatus } from '../support/requests.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';
import { planFuzz } from './fuzz.ts';
import { jsonText } from './hostile-json.ts';
import { storableText } from './hostile-text.ts';

let cast: Cast;
let tested: TestWorker;
let client: Client;
/** Waited for all the while, and served by no worker. */
let openId: string;
let open: Promise<unknown>;
let isOver = false;

beforeAll(async () => {
  cast = await createCast();
  tested = await startTestWorker({ uri: cast.logins.worker.uri });
  client = createClient({ uri: cast.logins.a.uri });
  openId = await client.embed('never answered', { model: 'nobody/serves-this' });
  open = client.wait(openId, { timeoutMs: 3_600_000 });
  const end = () => {
    isOver = true;
  };
  open.then(end, end);
});
afterAll(async () => {
  await client?.close();
  await tested?.worker.stop();
  await cast?.[Symbol.asyncDispose]();
});

/** Payloads a stranger would try: true in form, with ids that are waited for, and of no form at all. */
const payload = fc.oneof(
  fc
    .record({
      request_id: fc.oneof(fc.constantFrom('OPEN', 'open', ['OPEN'], { toString: 'OPEN' }, null, 1), fc.uuid()),
      function: fc.constantFrom('embed', 'generate', null),
      status: fc.constantFrom('completed', 'failed', 'cancelled', 'pending', 7),
      result: fc.constantFrom('[1,0,0,0,0,0,0,0]', undefined),
    })
    .map((event) => JSON.stringify(event)),
  fc.constantFrom('OPEN', '0', '1', '-1', '9'.repeat(18), '9'.repeat(19), '1'.repeat(7_999), '1e3', ' 1 ', '0x1'),
  jsonText,
  storableText,
  fc.constantFrom('['.repeat(7_999), '{"request_id":'.repeat(500), '"'.repeat(7_999), '\u{1f56f}'.repeat(1_999)),
);
const channel = fc.constantFrom(
  'steadytext_completed',
  'lamplighter_wake',
  'lamplighter_cancel',
  'lamplighter_canary_0',
);

const BATCH = 10;
const fuzz = planFuzz('events', ['sent'], BATCH);

test(`events that anybody sends neither end a wait nor stop a worker ${fuzz.title}`, {
  timeout: fuzz.timeoutMs,
}, async () => {
  let passes = 0;
  await fuzz.run(fc.array(fc.tuple(channel, payload), { minLength: BATCH, maxLength: BATCH }), async (events) => {
    passes += 1;
    const running = await client.generate(`!sleep:150 ${passes}`, { useCache: false });
    const answered = client.wait(running, { timeoutMs: 15_000 });
    // Awaited below, unless something else fails before.
    answered.catch(() => undefined);
    await untilStatus(cast.database.pool, [running], 'processing').catch((error: unknown) => {
      throw new Error(`${String(error)}; the worker says ${JSON.stringify(tested.warnings())}`);
    });
    for (const [name, text] of events) {
      const named = text.replaceAll('OPEN', openId).replaceAll('open', openId.toUpperCase());
      await notify(name, named);
      // About a request that is being computed: cancelled, it is said, and completed.
      await notify('lamplighter_cancel', running);
      await notify(
        'steadytext_completed',
        JSON.stringify({ request_id: running, function: 'generate', status: 'completed' }),
      );
    }
    expect(await answered).toBe(`!sleep:150 ${passes}`);
    expect(isOver).toBe(false);
  });
  expect(tested.warnings()).toEqual([]);
  // The wait that was lied to all the time ends with the truth.
  await client.cancel(openId);
  await expect(open).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
  const retries = 'select max(attempt) + max(retry_count) from public.steadytext_queue';
  expect(await firstValue(cast.database.pool, retries)).toBe(1);
});

async function notify(name: string, text: string): Promise<void> {
  try {
    await cast.sessions.stranger.query('select pg_notify($1, $2)', [name, text]);
    fuzz.count('sent');
  } catch (error) {
    // Longer than 7999 bytes.
    expect(error).toMatchObject({ code: '22023' });
  }
}
