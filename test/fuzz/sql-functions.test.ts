import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestFunction } from '../../src/core/request-functions.ts';
import { type Cast, createCast } from '../roles/cast.ts';
import { firstValue } from '../support/requests.ts';
import { planFuzz } from './fuzz.ts';
import { reasonsToFail } from './request-oracle.ts';
import { type SqlCall, sqlCall, statementOf } from './sql-call.ts';

/** What a caller may get: data exceptions, calls that are no calls, missing rights, JSON too deep for the server, a full queue. */
const ALLOWED = /^(22...|42883|42804|42846|42725|42P18|42601|42501|54001|53400)$/;
/** Messages of the reference that come without a SQLSTATE of their own. */
const DOCUMENTED =
  /^(Request ID \S+ not found|Async request failed: .*|Async request was cancelled|Timeout waiting for async result \(\d+ seconds\))$/s;

const KEYS = [
  'prompt',
  'text_input',
  'pattern',
  'query',
  'documents',
  'choices',
  'task',
  'max_tokens',
  'seed',
  'use_cache',
];
const ELEMENT_KEYS: Readonly<Record<string, string>> = { prompts: 'prompt', texts: 'text_input' };

interface QueuedRow {
  readonly function_name: RequestFunction;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly priority: number;
  readonly model: string;
}

let cast: Cast;
/** Requests of role `a` in every final state, one with a spoilt result, and one of role `b`. */
let ids: string[];

beforeAll(async () => {
  cast = await createCast();
  ids = [];
  for (const [username, status, functionName, result] of [
    [cast.names.a, 'completed', 'embed', '[0.6,0.8]'],
    [cast.names.a, 'completed', 'embed', '["spoilt", {}]'],
    [cast.names.a, 'completed', 'generate', 'a text'],
    [cast.names.a, 'failed', 'generate', null],
    [cast.names.a, 'cancelled', 'rerank', null],
    [cast.names.b, 'completed', 'generate', 'of b'],
  ]) {
    const sql = `insert into public.steadytext_queue (username, status, function_name, result, error, completed_at)
      values ($1, $2, $3, $4, '100 % %s %I', now()) returning request_id`;
    ids.push(await firstValue(cast.database.pool, sql, [username, status, functionName, result]));
  }
});
afterAll(() => cast[Symbol.asyncDispose]());

const fuzz = planFuzz('SQL calls', ['accepted', 'answered', 'refused']);

test(`any arguments are refused with a code, or accepted and kept as they are ${fuzz.title}`, {
  timeout: fuzz.timeoutMs,
}, async () => {
  // The innocent neighbour: its transaction is open all the while.
  await cast.sessions.b.query('begin');
  const neighbour = await firstValue<string>(cast.sessions.b, `select public.steadytext_embed_async('innocent')`);
  await fuzz.run(sqlCall(ids), async (call) => {
    const { text, parameters } = statementOf(call);
    const isPrivileged = /pause|resume|lamplighter/.test(call.name);
    const session = isPrivileged ? cast.sessions.owner : cast.sessions.a;
    const isEnqueue = /_async$/.test(call.name) && !/check|cancel/.test(call.name);
    if (!isEnqueue) await session.query('begin');
    try {
      const answers = (await session.query<{ answer: unknown }>(text, parameters)).rows.map(({ answer }) => answer);
      fuzz.count(isEnqueue ? 'accepted' : 'answered');
      if (isEnqueue) await expectKept(call, answers);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      fuzz.count('refused');
      const isDocumented = error.code === 'P0001' && DOCUMENTED.test(error.message);
      if (!isDocumented) expect(error.code, error.message).toMatch(ALLOWED);
      expect(error.message.length).toBeLessThan(1_000);
    } finally {
      if (!isEnqueue) await session.query('rollback');
    }
  });
  await cast.sessions.b.query('commit');
  expect(await firstValue(cast.sessions.b, 'select status from public.steadytext_check_async($1)', [neighbour])).toBe(
    'pending',
  );
});

/** The rows hold the very arguments, and every function that takes an id answers for them. */
async function expectKept(call: SqlCall, answers: readonly unknown[]): Promise<void> {
  const session = cast.sessions.a;
  const queued = [answers[0]].flat().map(String);
  const { rows } = await session.query<QueuedRow>(
    `select q.function_name, q.parameters, q.priority, q.model from unnest($1::uuid[]) with ordinality as u (request_id, n)
     join public.steadytext_queue as q using (request_id) order by u.n`,
    [queued],
  );
  expect(rows).toHaveLength(queued.length);
  // What these functions accept a worker can answer; only of a schema it may find out more.
  const reasons = rows.flatMap(({ function_name, parameters }) => reasonsToFail(function_name, parameters));
  expect(reasons.filter((reason) => !/^Schema cannot (be nested|hold)/.test(reason))).toEqual([]);
  const [row] = rows;
  for (const { name, sql, parameter, expected } of call.args) {
    const key = ELEMENT_KEYS[name];
    if (key !== undefined && Array.isArray(expected)) {
      expect(rows.map(({ parameters }) => parameters[key])).toEqual(expected);
    } else if (name === 'schema' && sql === '?::jsonb') {
      const isKept = `select q.parameters -> 'schema' = $2::jsonb from public.steadytext_queue as q where q.request_id = $1`;
      expect(await firstValue(session, isKept, [queued[0], parameter])).toBe(true);
    } else if (expected === undefined || expected === null) {
    } else if (KEYS.includes(name)) {
      expect(row?.parameters[name]).toEqual(expected);
    } else if (name === 'priority') {
      expect(row?.priority).toBe(expected);
    } else if (name === 'model') {
      expect(row?.model).toBe(/^ *$/.test(String(expected)) ? 'default' : expected);
    }
  }
  const [id] = queued;
  await expect(session.query('select public.steadytext_get_async_result($1, 0)', [id])).rejects.toThrow('Timeout');
  expect(await firstValue(session, 'select public.steadytext_cancel_async($1)', [id])).toBe(true);
  expect(await firstValue(session, 'select public.steadytext_retry($1)', [id])).toBe(false);
  await session.query('select * from public.steadytext_check_async_batch($1)', [queued]);
  await session.query('delete from public.steadytext_queue where request_id = any ($1)', [queued]);
}
