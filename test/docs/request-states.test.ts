import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { cancelAbandoned } from '../../src/requests/upkeep.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';
import { readPage } from './markdown-page.ts';

const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
type Status = (typeof STATUSES)[number];

let db: TestDatabase;
let caller: pg.Client;
beforeAll(async () => {
  db = await createTestDatabase();
  const role = await db.createRole('caller');
  await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
  caller = new pg.Client({ connectionString: role.uri });
  await caller.connect();
});
afterAll(async () => {
  await caller.end();
  await db[Symbol.asyncDispose]();
});

/** A request of the caller, and the worker that holds it while it is processing. */
interface Scene {
  readonly request: Pick<ClaimedRequest, 'id' | 'requestId' | 'attempt'>;
  readonly worker: SqlWorker;
}

/** Everything that can change a status, under the word that the diagram has for it. */
const STEPS: readonly (readonly [word: string, run: (scene: Scene) => Promise<unknown>])[] = [
  ['claim', ({ worker }) => worker.claim()],
  [
    'claim',
    async ({ request, worker }) => {
      await db.pool.query(`update steadytext_queue set run_at = '9000-01-01 00:00+00' where id = $1`, [request.id]);
      await db.pool.query('insert into lamplighter.quarantine (id, deaths) values ($1, 2)', [request.id]);
      await worker.claimQuarantined(1);
    },
  ],
  ['finish', (scene) => finish(scene, { kind: 'completed', result: '[1]' })],
  ['fail', (scene) => finish(scene, { kind: 'failed', error: 'no' })],
  ['fail', (scene) => finish(scene, { kind: 'retry', error: 'no', delayMs: 0 }, 0)],
  ['retry', (scene) => finish(scene, { kind: 'retry', error: 'no', delayMs: 0 })],
  ['retry', (scene) => finish(scene, { kind: 'defer', error: 'no', delayMs: 0 })],
  ['retry', ({ request }) => caller.query('select steadytext_retry($1)', [request.requestId])],
  ['release', (scene) => finish(scene, { kind: 'release' })],
  ['rescue', ({ worker }) => worker.fallSilent().then(() => rescueRequests(db.pool, 3))],
  [
    'rescue',
    async ({ request, worker }) => {
      await db.pool.query('insert into lamplighter.quarantine (id, deaths) values ($1, 2)', [request.id]);
      await worker.fallSilent();
      await rescueRequests(db.pool, 0);
    },
  ],
  ['cancel', ({ request }) => caller.query('select steadytext_cancel_async($1)', [request.requestId])],
  [
    'cancel',
    async ({ request }) => {
      await db.pool.query(
        'insert into lamplighter.autonomous_request (request_id, origin_id) values ($1, gen_random_uuid())',
        [request.requestId],
      );
      await cancelAbandoned(db.pool);
    },
  ],
  ['prune', () => caller.query("select steadytext_prune('0')")],
  ...STATUSES.map((status) => [wordFor(status), (scene: Scene) => setByHand(scene, status)] as const),
];

function finish(
  { worker, request }: Scene,
  ...[outcome, maxRetries = 3]: [Parameters<SqlWorker['finish']>[1], number?]
) {
  return worker.finish([request as ClaimedRequest], outcome, { maxRetries }); // the helper reads id and attempt only
}

/** The diagram's words for what a caller may write itself; anything else would be a way that it does not show. */
function wordFor(status: Status): string {
  return status === 'cancelled' ? 'cancel' : status === 'pending' ? 'retry' : 'update';
}

async function setByHand({ request }: Scene, status: Status): Promise<void> {
  const text = 'update steadytext_queue set status = $2 where request_id = $1';
  await caller.query(text, [request.requestId, status]).catch((error: unknown) => {
    if (!(error instanceof pg.DatabaseError && error.code === '42501')) throw error;
  });
}

async function setScene(status: Status): Promise<Scene> {
  await db.pool.query('delete from steadytext_queue');
  const worker = await startSqlWorker(db.pool);
  const { rows } = await caller.query<{ id: string }>("select steadytext_embed_async('a') as id");
  const requestId = rows[0]?.id ?? '';
  // By the owner, whom nothing keeps from it. Who has ended a request does not end it again, hence the other worker.
  const placed = await db.pool.query<{ id: string }>(
    `update steadytext_queue
     set status = $2::text, attempt = 1, started_at = now(),
         worker_id = case $2::text when 'processing' then $3::uuid when 'pending' then null else gen_random_uuid() end,
         completed_at = case when $2::text in ('completed', 'cancelled') then now() end,
         failed_at = case when $2::text = 'failed' then now() end
     where request_id = $1 returning id`,
    [requestId, status, worker.workerId],
  );
  return { request: { id: placed.rows[0]?.id ?? '', requestId, attempt: 1 }, worker };
}

async function statusOf({ request }: Scene): Promise<string> {
  const { rows } = await db.pool.query<{ status: string }>('select status from steadytext_queue where id = $1', [
    request.id,
  ]);
  return rows[0]?.status ?? '[*]';
}

test('the diagram of a request shows every way from one status to another, and no other', async () => {
  const found = new Set<string>();
  for (const status of STATUSES) {
    for (const [word, run] of STEPS) {
      const scene = await setScene(status);
      await run(scene);
      const next = await statusOf(scene);
      if (next !== status) found.add(`${status} --> ${next}: ${word}`);
    }
  }
  await db.pool.query('delete from steadytext_queue');
  await caller.query("select steadytext_embed_async('a')");
  const { rows } = await db.pool.query<{ status: string }>('select status from steadytext_queue');
  found.add(`[*] --> ${rows[0]?.status}: enqueue`);

  const diagram =
    readPage('docs/concepts/requests.md').blocks.find(({ language }) => language === 'mermaid')?.text ?? '';
  const shown = [...diagram.matchAll(/^\s*(\S+) --> (\S+): (.*)$/gm)].flatMap(([, from, to, words = '']) =>
    words.split(', ').map((word) => `${from} --> ${to}: ${word}`),
  );
  expect([...found].sort()).toEqual(shown.sort());
});
