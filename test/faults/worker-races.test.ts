import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/requests/finish-requests.ts';
import type { CallerAct } from '../history/callers.ts';
import { embed, firstValue } from '../support/requests.ts';
import { openSession, type SqlSession, untilBlocked } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';
import { useScene } from './worker-scene.ts';

/** A worker and a caller, each in a session of its own, at the same request; every order in which they can meet. */
const scene = useScene();
let worker: SqlWorker;
let workers: SqlSession;
let callers: SqlSession;
let id: string;

beforeEach(async () => {
  workers = await openSession(scene.victim.uri);
  callers = await openSession(scene.db.uri);
  worker = await startSqlWorker(workers.client);
});
afterEach(async () => {
  await workers[Symbol.asyncDispose]();
  await callers[Symbol.asyncDispose]();
});

type Act = Exclude<CallerAct, 'edit'> | 'prune';
/** The row after both: `gone`, or its status. */
type End = 'gone' | 'completed' | 'failed' | 'cancelled';
interface Expected {
  readonly end: End;
  readonly answer: boolean;
}

const STATEMENTS: Readonly<Record<Act, string>> = {
  cancel: 'select steadytext_cancel_async($1) as answer',
  retry: 'select steadytext_retry($1) as answer',
  delete: `with gone as (delete from steadytext_queue where request_id = $1 returning true as answer)
    select coalesce(bool_or(answer), false) as answer from gone`,
  prune: `select steadytext_prune('0') > 0 and $1::uuid is not null as answer`,
};

/** The caller's act, noted with what it says unless it is rolled back. */
const act = (kind: Act): Promise<boolean> => firstValue<boolean>(callers.client, STATEMENTS[kind], [id]);

async function note(kind: Act, answer: boolean): Promise<void> {
  if (kind === 'prune') scene.callers.notePrune();
  else await scene.callers.act(kind, id, async () => answer);
}

const status = async (): Promise<string> => (await scene.rows([id]))[0]?.status ?? 'gone';

const OUTCOMES = {
  completed: { kind: 'completed', result: 'r' },
  failed: { kind: 'failed', error: 'e' },
} as const satisfies Record<string, Outcome>;

/** What each act comes to when the finish is recorded before it, or when it is done while the request runs. */
const MATRIX: readonly (readonly [
  Act,
  keyof typeof OUTCOMES,
  { readonly afterFinish: Expected; readonly beforeFinish: Expected },
])[] = [
  [
    'cancel',
    'completed',
    { afterFinish: { end: 'completed', answer: false }, beforeFinish: { end: 'cancelled', answer: true } },
  ],
  [
    'cancel',
    'failed',
    { afterFinish: { end: 'failed', answer: false }, beforeFinish: { end: 'cancelled', answer: true } },
  ],
  ['delete', 'completed', { afterFinish: { end: 'gone', answer: true }, beforeFinish: { end: 'gone', answer: true } }],
  [
    'prune',
    'completed',
    { afterFinish: { end: 'gone', answer: true }, beforeFinish: { end: 'completed', answer: false } },
  ],
  ['prune', 'failed', { afterFinish: { end: 'gone', answer: true }, beforeFinish: { end: 'failed', answer: false } }],
  [
    'retry',
    'completed',
    { afterFinish: { end: 'completed', answer: false }, beforeFinish: { end: 'completed', answer: false } },
  ],
];
/** These wait for a row that is being finished; the others see it as it was, and leave it alone. */
const WAITS: readonly Act[] = ['cancel', 'delete'];

describe.each(MATRIX)('%s and a finish as %s', (kind, outcome, { afterFinish, beforeFinish }) => {
  let finish: () => Promise<unknown>;
  beforeEach(async () => {
    const [text = ''] = [scene.callers.unique('raced')];
    [id = ''] = await scene.callers.enqueue([text], (texts) => embed(scene.db.pool, texts));
    const request = await worker.claimOne();
    finish = () => worker.finish([request], OUTCOMES[outcome]);
  });
  afterEach(async () => {
    // The models of these workers are the tests themselves.
    await scene.expectGoodHistory({ handlers: undefined });
  });

  test('the finish is committed first', async () => {
    await finish();
    const answer = await act(kind);
    await note(kind, answer);
    expect({ end: await status(), answer }).toEqual(afterFinish);
  });

  test('the act is committed first; a late finish changes nothing', async () => {
    const answer = await act(kind);
    await note(kind, answer);
    await finish();
    expect({ end: await status(), answer }).toEqual(beforeFinish);
  });

  test('the finish comes while the act is open, which then commits', async () => {
    await callers.client.query('begin');
    const answer = await act(kind);
    await finish();
    await callers.client.query('commit');
    await note(kind, answer);
    await finish();
    expect({ end: await status(), answer }).toEqual(beforeFinish);
  });

  test('the finish comes while the act is open, which then rolls back', async () => {
    await callers.client.query('begin');
    await act(kind);
    await finish();
    await callers.client.query('rollback');
    await finish();
    expect(await status()).toBe(outcome);
  });

  test('the act comes while the finish is open, which then commits', async () => {
    await workers.client.query('begin');
    await finish();
    const acting = act(kind);
    if (WAITS.includes(kind)) await untilBlocked(scene.db.pool, callers);
    else await acting;
    await workers.client.query('commit');
    const answer = await acting;
    await note(kind, answer);
    const expected = WAITS.includes(kind) ? afterFinish : { ...beforeFinish, end: outcome };
    expect({ end: await status(), answer }).toEqual(expected);
  });

  test('the act comes while the finish is open, which then rolls back', async () => {
    await workers.client.query('begin');
    await finish();
    const acting = act(kind);
    if (WAITS.includes(kind)) await untilBlocked(scene.db.pool, callers);
    else await acting;
    await workers.client.query('rollback');
    const answer = await acting;
    await note(kind, answer);
    await finish();
    expect({ end: await status(), answer }).toEqual(beforeFinish);
  });
});

describe('a pause and a finish', () => {
  const pause = (db: SqlSession) => db.client.query(`select steadytext_pause('embed')`);
  const resume = (db: SqlSession) => db.client.query(`select steadytext_resume('embed')`);
  beforeEach(async () => {
    const text = scene.callers.unique('paused');
    [id = ''] = await scene.callers.enqueue([text], (texts) => embed(scene.db.pool, texts));
  });
  afterEach(async () => {
    await resume(callers);
  });

  test('what runs when a pause is committed may end; what goes back waits for the resume', async () => {
    const request = await worker.claimOne();
    await pause(callers);
    await worker.finish([request], { kind: 'retry', error: 'e', delayMs: 0 });
    await scene.db.pool.query('select lamplighter.promote_requests(10)');
    expect(await worker.claim()).toEqual([]);
    await resume(callers);
    expect(await worker.finish([await worker.claimOne()], OUTCOMES.completed)).toEqual(
      new Map([[request.id, 'completed']]),
    );
    await scene.expectGoodHistory({ handlers: undefined });
  });

  test('a pause and a resume take effect when they are committed', async () => {
    await callers.client.query('begin');
    await pause(callers);
    const request = await worker.claimOne();
    await callers.client.query('commit');
    await worker.finish([request], { kind: 'release' });
    await callers.client.query('begin');
    await resume(callers);
    expect(await worker.claim()).toEqual([]);
    await callers.client.query('commit');
    await worker.finish([await worker.claimOne()], OUTCOMES.completed);
    await scene.expectGoodHistory({ handlers: undefined });
  });
});

describe('runs of one request that overlap', () => {
  beforeEach(async () => {
    const text = scene.callers.unique('overlapping');
    [id = ''] = await scene.callers.enqueue([text], (texts) => embed(scene.db.pool, texts));
  });

  test('a retry by the caller starts afresh, and the run before it cannot end it', async () => {
    const first = await worker.claimOne();
    await worker.finish([first], OUTCOMES.failed);
    await note('retry', await act('retry'));
    expect(await worker.finish([first], OUTCOMES.completed)).toEqual(new Map());
    const second = await worker.claimOne();
    expect(await worker.finish([first], OUTCOMES.completed)).toEqual(new Map());
    expect(await worker.finish([second], { kind: 'completed', result: 'second' })).toEqual(
      new Map([[second.id, 'completed']]),
    );
    expect(await scene.rows([id])).toMatchObject([{ result: 'second', attempt: 2, retry_count: 0 }]);
    await scene.expectGoodHistory({ handlers: undefined });
  });

  test('an edit of retry_count while it runs is heeded by its finish, and holds up nothing', async () => {
    const request = await worker.claimOne();
    await callers.client.query('begin');
    await callers.client.query('update steadytext_queue set retry_count = 3 where request_id = $1', [id]);
    const failure: Outcome = { kind: 'retry', error: 'once too often', delayMs: 0 };
    expect(await worker.finish([request], failure)).toEqual(new Map());
    await callers.client.query('commit');
    await scene.callers.act('edit', id, async () => true);
    expect(await worker.finish([request], failure)).toEqual(new Map([[request.id, 'failed']]));
    expect(await scene.rows([id])).toMatchObject([{ status: 'failed', retry_count: 3 }]);
    await scene.expectGoodHistory({ handlers: undefined });
  });
});
