import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { type Cast, createCast } from './cast.ts';

let cast: Cast;
let password: string;

beforeAll(async () => {
  cast = await createCast();
  await cast.database.pool.query('create extension dblink');
  const { hostname, port, username, password: secret, pathname } = new URL(cast.logins.owner.uri);
  password = decodeURIComponent(secret);
  const parts = { host: hostname, port, user: decodeURIComponent(username), password, dbname: pathname.slice(1) };
  const dsn = Object.entries(parts).flatMap(([name, value]) => (value === '' ? [] : [`${name}='${value}'`]));
  await cast.migrateAs(cast.logins.owner, { loopbackDsn: dsn.join(' ') });
});
afterAll(() => cast[Symbol.asyncDispose]());
beforeEach(() => cast.database.pool.query('delete from public.steadytext_queue'));

async function enqueue(session: pg.Client, text = 'x'): Promise<string> {
  const { rows } = await session.query<{ id: string }>('select public.steadytext_embed_async($1) as id', [text]);
  return rows[0]?.id ?? '';
}

/** Runs `work` in a transaction of the session and rolls it back. */
async function inTransaction<T>(session: pg.Client, work: () => Promise<T>): Promise<T> {
  await session.query('begin');
  try {
    return await work();
  } finally {
    await session.query('rollback');
  }
}

describe('lamplighter.send_autonomous', () => {
  const send = 'select lamplighter.send_autonomous($1) as id';

  test.each([
    ['an unknown request', async () => randomUUID()],
    ['a committed request of its own', () => enqueue(cast.sessions.a)],
    ['a committed request of another role', () => enqueue(cast.sessions.b)],
  ])('refuses a caller %s', async (_name, find) => {
    const id = await find();
    const { a } = cast.sessions;
    const error = await inTransaction(a, async () => {
      // A transaction that has written has an id of its own to compare with.
      await enqueue(a);
      return sqlErrorOf(a, send, [id]);
    });
    expect(error).toMatchObject({ code: '55000', message: `Request ${id} was not queued by this transaction` });
  });

  test("refuses a caller another role's request that is not committed, in the same words", async () => {
    const { a, b } = cast.sessions;
    const error = await inTransaction(b, async () => {
      const id = await enqueue(b);
      return { id, ...(await inTransaction(a, () => sqlErrorOf(a, send, [id]))) };
    });
    expect(error).toMatchObject({ code: '55000', message: `Request ${error.id} was not queued by this transaction` });
  });

  test("queues the copy in the caller's name, where nobody else sees it", async () => {
    const { a, b } = cast.sessions;
    await inTransaction(a, async () => {
      const id = await enqueue(a, `it's "quoted" \\ $1 %L`);
      const sent = await a.query<{ id: string }>(send, [id]).catch((error: unknown) => error);
      // Servers that ask for no password refuse the loopback of an ordinary role.
      if (sent instanceof Error) return expect(sent.message).toMatch(/password/);
      const copy = (sent as pg.QueryResult<{ id: string }>).rows[0]?.id;
      const { rows } = await cast.database.pool.query(
        'select username, batch_id, parameters from public.steadytext_queue where request_id = $1',
        [copy],
      );
      const parameters = { text_input: `it's "quoted" \\ $1 %L`, use_cache: true };
      expect(rows).toEqual([{ username: cast.names.a, batch_id: id, parameters }]);
      expect((await b.query('select from public.steadytext_queue')).rows).toHaveLength(0);
      return undefined;
    });
  });
});

describe('lamplighter.adopt_autonomous', () => {
  const adopt = (originId: string, copyId: string) =>
    cast.sessions.a.query('select lamplighter.adopt_autonomous($1, $2)', [originId, copyId]);

  /** An answered copy, as enqueue_autonomous and a worker leave it. */
  async function answeredCopy(username: string, originId: string, text = 'x'): Promise<string> {
    const id = randomUUID();
    const parameters = JSON.stringify({ text_input: text, use_cache: true });
    await cast.sessions.owner.query(`select lamplighter.enqueue_autonomous($1, $2, $3, 'embed', $4, 0, 'default')`, [
      id,
      originId,
      username,
      parameters,
    ]);
    await cast.database.pool.query(
      `update public.steadytext_queue set status = 'completed', result = '[0.5]', attempt = 1 where request_id = $1`,
      [id],
    );
    return id;
  }

  async function resultOf(id: string): Promise<unknown> {
    const { rows } = await cast.sessions.a.query(
      'select status, result from public.steadytext_queue where request_id = $1',
      [id],
    );
    return rows[0];
  }
  const UNTOUCHED = { status: 'pending', result: null };

  test("gives the caller's own request the answer of its copy", async () => {
    const { a } = cast.sessions;
    await inTransaction(a, async () => {
      const id = await enqueue(a);
      await adopt(id, await answeredCopy(cast.names.a, id));
      expect(await resultOf(id)).toEqual({ status: 'completed', result: '[0.5]' });
    });
  });

  test.each([
    ["another role's copy", (id: string) => answeredCopy(cast.names.b, id)],
    ["another request's copy", () => answeredCopy(cast.names.a, randomUUID())],
    ['the copy of another text', (id: string) => answeredCopy(cast.names.a, id, 'y')],
  ])('does not give it the answer of %s', async (_name, copy) => {
    const { a } = cast.sessions;
    await inTransaction(a, async () => {
      const id = await enqueue(a);
      await adopt(id, await copy(id));
      expect(await resultOf(id)).toEqual(UNTOUCHED);
    });
  });

  test('leaves alone a request that is committed, and one of another role', async () => {
    const own = await enqueue(cast.sessions.a);
    const other = await enqueue(cast.sessions.b);
    await adopt(own, await answeredCopy(cast.names.a, own));
    await adopt(other, await answeredCopy(cast.names.b, other));
    const { rows } = await cast.database.pool.query(
      'select status, result from public.steadytext_queue where request_id = any ($1)',
      [[own, other]],
    );
    expect(rows).toEqual([UNTOUCHED, UNTOUCHED]);
  });
});

describe('the loopback connection', () => {
  /** All that the server said beside the rows, with the constants of plans as text. */
  async function overhear(session: pg.Client, work: () => Promise<unknown>): Promise<string> {
    const heard: string[] = [];
    const collect = (notice: unknown) => heard.push(JSON.stringify(notice));
    session.on('notice', collect);
    await work().finally(() => session.off('notice', collect));
    const constants = heard.flatMap((text) =>
      [...text.replaceAll('\\n', ' ').matchAll(/\[([\s\d-]+)\]/g)].map(([, bytes = '']) =>
        Buffer.from(bytes.trim().split(/\s+/).map(Number)).toString('latin1'),
      ),
    );
    return [...heard, ...constants].join('\n');
  }

  const PRINT_PLANS = `
    set local client_min_messages = log;
    set local debug_print_plan = on;
    set local debug_print_parse = on;
    set local debug_print_rewritten = on;
    set local log_parameter_max_length_on_error = -1;`;

  test('is in no plan that a caller has printed', async () => {
    const { a } = cast.sessions;
    const heard = await overhear(a, () =>
      inTransaction(a, async () => {
        const id = await enqueue(a);
        await a.query(PRINT_PLANS);
        await a.query(`do $$ declare v text := 'overheard'; begin execute 'select $1' using v; end $$`);
        await a.query('select lamplighter.send_autonomous($1)', [id]).catch(() => undefined);
      }),
    );
    expect(heard).toContain('overheard');
    expect(heard).toContain('enqueue_autonomous');
    expect(heard).not.toContain(password);
  });

  test.each([
    ['host', "host='nowhere.invalid'"],
    ['port', "port='1'"],
    ['password', "password='wrong'"],
    ['option', 'no such option'],
  ])('is in no error when its %s is wrong', async (_name, fault) => {
    const { a, owner } = cast.sessions;
    const { rows } = await owner.query<{ dsn: string }>('select dsn from lamplighter.loopback');
    const dsn = rows[0]?.dsn ?? '';
    const secret = fault.startsWith('password') ? 'wrong' : password;
    await owner.query('update lamplighter.loopback set dsn = $1', [`${dsn} ${fault}`]);
    const heard = await overhear(a, () =>
      inTransaction(a, async () => {
        const id = await enqueue(a);
        const error = await sqlErrorOf(a, 'select public.steadytext_get_async_result($1, 1)', [id]);
        expect(error.message).toMatch(/^The loopback connection failed: /);
        expect(JSON.stringify(error)).not.toContain(secret);
        expect(JSON.stringify(error)).not.toContain(cast.names.owner);
      }),
    ).finally(() => owner.query('update lamplighter.loopback set dsn = $1', [dsn]));
    expect(heard).not.toContain(secret);
  });

  test.each(['a', 'asA', 'b', 'worker', 'member', 'stranger'] as const)(
    'cannot be read or used by %s',
    async (role) => {
      const session = cast.sessions[role];
      for (const statement of [
        'select dsn from lamplighter.loopback',
        `update lamplighter.loopback set dsn = 'host=evil.example'`,
        `select lamplighter.enqueue_autonomous(gen_random_uuid(), gen_random_uuid(), '${cast.names.b}', 'embed', '{}', 0, 'default')`,
      ]) {
        expect((await sqlErrorOf(session, statement)).code).toBe('42501');
      }
      const { rows } = await session.query('select public.dblink_get_connections() as open');
      expect(rows).toEqual([{ open: null }]);
    },
  );
});

test('lamplighter.explain_wait says the same whatever others have queued', async () => {
  const explain = async () =>
    (await cast.sessions.a.query(`select lamplighter.explain_wait('embed', 'default') as reason`)).rows;
  const before = await explain();
  await enqueue(cast.sessions.b);
  expect(await explain()).toEqual(before);
});
