import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed, firstValue, generate } from '../support/requests.ts';
import { openSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';
import { type CallerJournal, createCallerJournal } from './callers.ts';
import { checkHistory, type HistoryOptions } from './check-history.ts';
import { createHandlerJournal, type HandlerJournal } from './handlers.ts';
import { clearJournal, installJournal } from './journal.ts';
import { grantWorker } from './journalling-worker.ts';
import type { Rule } from './violation.ts';

let db: TestDatabase;
let callers: CallerJournal;
let handlers: HandlerJournal;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  await installJournal(db.pool);
});
beforeEach(async () => {
  await clearJournal(db.pool);
  await db.pool.query('delete from lamplighter.worker; delete from lamplighter.quarantine');
  callers = createCallerJournal();
  handlers = createHandlerJournal();
  worker = await startSqlWorker(db.pool);
  return () => handlers[Symbol.dispose]();
});
afterAll(() => db[Symbol.asyncDispose]());

async function queue(text: string, priority = 0): Promise<string> {
  const unique = callers.unique(text);
  const [id = ''] = await callers.enqueue([unique], async () => [await generate(db.pool, unique, { priority })]);
  return id;
}

// All requests here are of `generate`.
const promptOf = ({ parameters }: ClaimedRequest) => String(JSON.parse(parameters ?? '').prompt);

/** Computes what the request asks for and records it, or records it for another one. */
async function answer(request: ClaimedRequest, recorded = request): Promise<void> {
  const text = promptOf(request);
  appendFileSync(handlers.file, `${JSON.stringify({ actor: 'postgres', text, value: `answer to ${text}` })}\n`);
  await worker.finish([recorded], { kind: 'completed', result: `answer to ${text}` });
}

const broken = async (options: Partial<HistoryOptions> = {}) =>
  checkHistory(db.pool, { callers, handlers, ...options });
const rules = async (options: Partial<HistoryOptions> = {}): Promise<Rule[]> =>
  [...new Set((await broken(options)).map(({ rule }) => rule))].sort();

/** Completed, failed for good, cancelled, and completed after a retry, in this order; all as it should be. */
async function liveWell(): Promise<string[]> {
  const ids = [
    await queue('completes'),
    await queue('fails'),
    await queue('cancelled'),
    await queue('completes later'),
  ];
  const [completes, fails, , later] = await worker.claim();
  if (completes === undefined || fails === undefined || later === undefined) throw new Error('expected four claims');
  await callers.act('cancel', ids[2] ?? '', () => firstValue(db.pool, 'select steadytext_cancel_async($1)', [ids[2]]));
  await worker.finish([later], { kind: 'retry', error: 'e', delayMs: 0 });
  await worker.finish([fails], { kind: 'failed', error: 'e' });
  await answer(completes);
  await db.pool.query('select lamplighter.promote_requests(10)');
  await answer(await worker.claimOne());
  callers.see(ids[0] ?? '', 'completed', `answer to ${callers.enqueues[0]?.text}`);
  return ids;
}

test('a history in which all went well has no violations', async () => {
  await liveWell();
  expect(await broken()).toEqual([]);
});

test('rescue, release, retry by the caller, deleting and pruning belong to a good history', async () => {
  const retried = await queue('retried by its caller');
  await worker.finish([await worker.claimOne()], { kind: 'failed', error: 'e' });
  await callers.act('retry', retried, () => firstValue(db.pool, 'select steadytext_retry($1)', [retried]));
  await worker.finish([await worker.claimOne()], { kind: 'release' });
  await worker.claimOne();
  await worker.fallSilent();
  worker = await startSqlWorker(db.pool);
  await rescueRequests(db.pool, 3);
  await worker.claimOne();
  await worker.fallSilent();
  worker = await startSqlWorker(db.pool);
  await rescueRequests(db.pool, 3);
  const [quarantined] = await worker.claimQuarantined(9);
  if (quarantined === undefined) throw new Error('expected a request in quarantine');
  await answer(quarantined);
  const edited = await queue('edited');
  await callers.act('edit', edited, async () => {
    await db.pool.query('update steadytext_queue set retry_count = 2 where request_id = $1', [edited]);
    return true;
  });
  await answer(await worker.claimOne());
  const deleted = await queue('deleted');
  await callers.act('delete', deleted, async () => {
    await db.pool.query('delete from steadytext_queue where request_id = $1', [deleted]);
    return true;
  });
  await db.pool.query(`select steadytext_prune('0')`);
  callers.notePrune();
  expect(await broken()).toEqual([]);
});

test('a call whose connection died may have queued its requests or not', async () => {
  const lost = new Error('Connection terminated unexpectedly');
  const [kept, gone] = [callers.unique('committed'), callers.unique('never arrived')];
  const call = async () => {
    await generate(db.pool, kept);
    throw lost;
  };
  await expect(callers.enqueue([kept], call)).rejects.toBe(lost);
  await expect(callers.enqueue([gone], () => Promise.reject(lost))).rejects.toBe(lost);
  await answer(await worker.claimOne());
  expect(await broken()).toEqual([]);
});

const byText = (text: string) =>
  `(select request_id from history.change where before is null and request_text like '${text} u%')`;

describe('a doctored database is seen through', () => {
  const asTrigger = (statement: string) => `alter table steadytext_queue disable trigger zz_history; ${statement};
    alter table steadytext_queue enable always trigger zz_history`;
  const edit = (text: string, set: string) => `update steadytext_queue set ${set} where request_id = ${byText(text)}`;

  test.each<[string, string, Rule[]]>([
    ['a second completion', edit('completes', `completed_at = now(), result = 'other'`), ['ended-once']],
    [
      'a completion after a failure',
      edit('fails', `status = 'completed', result = 'r', error = null, failed_at = null`),
      ['ended-once'],
    ],
    ['a completion after a cancel', edit('cancelled', `status = 'completed', result = 'r'`), ['ended-once']],
    [
      'an ended request that runs again',
      edit('completes', `status = 'processing'`),
      ['accepted-ended', 'shape', 'transition'],
    ],
    ['a cancel that nobody asked for', `select steadytext_cancel_async(${byText('pending')})`, ['unasked']],
    ['a retry that nobody asked for', edit('fails', `status = 'pending'`), ['accepted-ended', 'unasked']],
    ['a row that vanishes', `delete from steadytext_queue where request_id = ${byText('fails')}`, ['unasked']],
    [
      'a row that vanishes past the trigger',
      asTrigger(`delete from steadytext_queue where request_id = ${byText('fails')}`),
      ['continuity'],
    ],
    ['a result that is changed past the trigger', asTrigger(edit('completes', `result = 'other'`)), ['continuity']],
    ['a retry_count that nobody edited', edit('fails', 'retry_count = 1'), ['ended-once']],
    ['an attempt too many', edit('completes', 'attempt = attempt + 1'), ['count', 'ended-once']],
    [
      'a request that nobody queued',
      `select steadytext_cancel_async(steadytext_generate_async('from nowhere'))`,
      ['queued-once', 'unasked'],
    ],
  ])('%s', async (_, statement, expected) => {
    await liveWell();
    if (statement.includes("'pending u%'")) await queue('pending');
    await db.pool.query(statement);
    expect(await rules()).toEqual(expected);
  });

  test('statistics that count otherwise', async () => {
    await liveWell();
    const client = await db.pool.connect();
    try {
      await client.query('begin');
      await client.query(`create or replace function steadytext_queue_stats() returns table (function_name text, pending bigint,
          processing bigint, completed bigint, failed bigint, cancelled bigint, oldest_pending interval, avg_processing interval,
          p95_processing interval) language sql as $$ select 'generate', 0, 0, 1, 1, 1, null::interval, null::interval, null::interval $$`);
      expect(await checkHistory(client, { callers, handlers })).toEqual([
        { rule: 'stats', requestId: undefined, what: 'generate: 1 completed, but there are 2' },
      ]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});

describe('a worker that misbehaves is seen through', () => {
  test('two answers that are swapped', async () => {
    await queue('one');
    await queue('two');
    const [one, two] = await worker.claim();
    if (one === undefined || two === undefined) throw new Error('expected two claims');
    await answer(one, two);
    await answer(two, one);
    expect(await rules()).toEqual(['answer']);
  });

  test('a completion without a claim, and one over another attempt', async () => {
    const unclaimed = await queue('unclaimed');
    await db.pool.query(
      `update steadytext_queue set status = 'completed', result = 'r', completed_at = now() where request_id = $1`,
      [unclaimed],
    );
    await queue('another attempt');
    await worker.claimOne();
    const end = `update steadytext_queue set status = 'completed', result = 'r', completed_at = now(), attempt = attempt + 1
      where status = 'processing'`;
    await db.pool.query(end);
    expect(await rules()).toEqual(['answer', 'count', 'lease']);
  });

  test('a finish by a worker that has lost its lease to another one', async () => {
    const logins = [await db.createRole('slow'), await db.createRole('quick')];
    for (const login of logins) await grantWorker(db.pool, login);
    const [slow = '', quick = ''] = logins.map(({ uri }) => uri);
    await using slowSession = await openSession(slow);
    await using quickSession = await openSession(quick);
    await queue('finished by the loser');
    const loser = await startSqlWorker(slowSession.client);
    await loser.claimOne();
    await db.pool.query(`update lamplighter.worker set status = 'dead', died_at = now() where worker_id = $1`, [
      loser.workerId,
    ]);
    await rescueRequests(quickSession.client, 3);
    const holder = await startSqlWorker(quickSession.client);
    await holder.claimOne();
    // What the fence keeps the loser from: its session ends what the other one holds.
    await db.pool.query(`grant select, update on steadytext_queue to ${logins[0]?.name}; alter role ${logins[0]?.name} bypassrls;
      alter table steadytext_queue disable trigger guard_update`);
    await slowSession.client.query(
      `update steadytext_queue set status = 'completed', result = 'late', completed_at = now()`,
    );
    await db.pool.query(
      `alter table steadytext_queue enable trigger guard_update; revoke all on steadytext_queue from ${logins[0]?.name}`,
    );
    expect(await rules()).toEqual(['answer', 'lease']);
  });

  test('an answer that was computed by another worker than the one that had claimed', async () => {
    await queue('computed elsewhere');
    const request = await worker.claimOne();
    const text = promptOf(request);
    appendFileSync(handlers.file, `${JSON.stringify({ actor: 'somebody', text, value: 'r' })}\n`);
    await worker.finish([request], { kind: 'completed', result: 'r' });
    expect(await rules()).toEqual(['answer']);
  });

  test('one that takes the later and less urgent first, again and again', async () => {
    const urgent = await queue('urgent', 5);
    await queue('less urgent 1', 1);
    await queue('less urgent 2', 1);
    const claim = `update steadytext_queue set status = 'processing', worker_id = $1, attempt = 1, started_at = now()
      where request_id = ${byText('less urgent N')}`;
    for (const n of ['1', '2']) await db.pool.query(claim.replace('N', n), [worker.workerId]);
    expect((await broken({ orderSlackMs: 0 })).filter(({ rule }) => rule === 'order')).toMatchObject([
      { requestId: urgent },
    ]);
    expect(await rules({ orderSlackMs: 60_000 })).toEqual(['accepted-ended']);
    callers.noteLocked([urgent]);
    expect(await rules({ orderSlackMs: 0 })).toEqual(['accepted-ended']);
  });

  test('but what is claimed at once has no order', async () => {
    await queue('urgent', 5);
    await queue('less urgent 1', 1);
    await queue('less urgent 2', 1);
    const claim = `update steadytext_queue set status = 'processing', worker_id = '${worker.workerId}', attempt = 1, started_at = now()
      where request_id = ${byText('N')}`;
    const claims = ['less urgent 1', 'less urgent 2', 'urgent'].map((text) => claim.replace('N', text));
    await db.pool.query(claims.join(';'));
    expect(await rules({ orderSlackMs: 0 })).toEqual(['accepted-ended']);
  });

  test('one that charges a request that was not alone', async () => {
    await queue('charged');
    await worker.claimOne();
    await db.pool.query(
      `update steadytext_queue set status = 'pending', worker_id = null, run_at = '9000-01-01 00:00+00', retry_count = 1`,
    );
    expect(await rules()).toEqual(['accepted-ended', 'count']);
  });
});

describe('a caller who was told wrongly is heard', () => {
  test('of an end that is not in the journal, or of another result', async () => {
    const [completed = '', failed = ''] = await liveWell();
    callers.see(completed, 'completed', 'another result');
    callers.see(failed, 'completed');
    expect(await rules()).toEqual(['told']);
    expect(await broken()).toHaveLength(2);
  });

  test('of a cancel that did not happen', async () => {
    const [completed = ''] = await liveWell();
    await callers.act('cancel', completed, async () => true);
    expect(await rules()).toEqual(['told']);
  });

  test('of a request that was accepted and is nowhere', async () => {
    await callers.enqueue([callers.unique('lost')], async () => ['00000000-0000-4000-8000-000000000000']);
    expect(await rules()).toEqual(['accepted-ended']);
  });

  test('of a refusal, though it was queued; and of one request that is there twice', async () => {
    const text = callers.unique('refused');
    const refuse = async () => {
      await embed(db.pool, [text]);
      await db.pool.query('select 1 / 0');
      return [];
    };
    await expect(callers.enqueue([text], refuse)).rejects.toThrow('division by zero');
    const twice = callers.unique('twice');
    await callers.enqueue([twice], async () => {
      await embed(db.pool, [twice]);
      return embed(db.pool, [twice]);
    });
    expect((await broken()).filter(({ rule }) => rule === 'queued-once')).toHaveLength(2);
  });
});
