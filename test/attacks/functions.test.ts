import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Cast, createCast } from '../roles/cast.ts';

// Every function of the product, called with everything that may name another role's request. New functions are found by themselves.
const SECRET = 'the secret of b';
const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;

let cast: Cast;
let valuesOf: Map<string, string[]>;

beforeAll(async () => {
  cast = await createCast();
  await cast.sessions.owner.query(`insert into lamplighter.loopback (dsn) values ('password=hunter2')`);
});
afterAll(() => cast[Symbol.asyncDispose]());

beforeEach(async () => {
  const { database, sessions, names } = cast;
  await database.pool.query('delete from public.steadytext_queue');
  await sessions.a.query(`select public.steadytext_embed_async('of a')`);
  await sessions.b.query(`select public.steadytext_embed_batch_async(array_fill($1::text, array[5]))`, [SECRET]);
  const { rows } = await database.pool.query<{ id: string; request_id: string; xmin: string }>(
    `update public.steadytext_queue as q
     set status = s.status, result = $2, error = $2, attempt = 1, worker_id = gen_random_uuid(), completed_at = now() - interval '1 day'
     from unnest($1::text[]) with ordinality as s (status, n)
     where s.n = q.id - (select min(id) from public.steadytext_queue where username = $3) + 1 and q.username = $3
     returning q.id, q.request_id, q.xmin`,
    [STATUSES, SECRET, names.b],
  );
  expect(rows).toHaveLength(STATUSES.length);
  const ids = rows.map(({ request_id }) => request_id);
  valuesOf = new Map([
    ['uuid', ids],
    ['uuid[]', [`{${ids.join(',')}}`]],
    ['bigint', rows.map(({ id }) => id)],
    ['bigint[]', [`{${rows.map(({ id }) => id).join(',')}}`]],
    ['xid', [rows[0]?.xmin ?? '']],
    ['text', ['embed', names.b, SECRET]],
    ['text[]', [`{embed,"${names.b}"}`]],
    ['integer', ['0', '2147483647']],
    ['integer[]', ['{1,1,1,1,1}']],
    ['boolean', ['true']],
    ['interval', ['-1000 years', '0']],
    ['jsonb', ['{"text_input": "x"}']],
    ['jsonb[]', ['{"{}"}']],
    ['bytea[]', [String.raw`{"\\x00"}`]],
    ['timestamp with time zone[]', ['{-infinity}']],
  ]);
});

interface Callable {
  readonly name: string;
  readonly types: readonly string[];
}

async function listFunctions(): Promise<Callable[]> {
  const { rows } = await cast.database.pool.query<Callable>(
    `select p.oid::regproc::text as name,
            array(select format_type(t.type, null) from unnest(p.proargtypes) with ordinality as t (type, n) order by t.n) as types
     from pg_proc as p
     where p.pronamespace = 'lamplighter'::regnamespace or (p.pronamespace = 'public'::regnamespace and p.proname like 'steadytext%')
     order by 1`,
  );
  return rows;
}

/** The values for the arguments: all combinations, but fifty at most. */
function combine(types: readonly string[]): string[][] {
  let combinations: string[][] = [[]];
  for (const type of types) {
    const values = valuesOf.get(type) ?? [];
    const few = combinations.length * values.length > 48 ? values.slice(0, 1) : values;
    combinations = combinations.flatMap((before) => few.map((value) => [...before, value]));
  }
  return combinations;
}

/** Calls them all, one transaction each; what came back, and how many calls were not refused for want of a right. */
async function callAll(session: pg.Client): Promise<{ heard: string; permitted: number }> {
  const heard: unknown[] = [];
  const collect = (notice: unknown) => heard.push(notice);
  session.on('notice', collect);
  await session.query(`set statement_timeout = '2s'`);
  let permitted = 0;
  for (const { name, types } of await listFunctions()) {
    for (const values of combine(types)) {
      const call = `select * from ${name}(${types.map((type, n) => `$${n + 1}::${type}`).join(', ')})`;
      const outcome = await session.query(call, values).catch((error: unknown) => error);
      if (outcome instanceof Error && 'code' in outcome && outcome.code === '42501') break;
      permitted += 1;
      // What it was told it may repeat.
      heard.push(
        outcome instanceof Error ? { ...outcome, message: outcome.message } : (outcome as pg.QueryResult).rows,
      );
    }
  }
  await session.query('reset statement_timeout');
  session.off('notice', collect);
  return { heard: JSON.stringify(heard), permitted };
}

const rowsOfB = async () =>
  (
    await cast.database.pool.query('select * from public.steadytext_queue where username = $1 order by id', [
      cast.names.b,
    ])
  ).rows;

describe('with ids, names and texts of B in all arguments, no function shows or changes a request of B to', () => {
  test.each(['a', 'asA', 'member'] as const)('%s', async (role) => {
    valuesOf.set('text', ['embed', cast.names.b]);
    const before = await rowsOfB();
    const { heard, permitted } = await callAll(cast.sessions[role]);
    expect(permitted).toBeGreaterThan(50);
    expect(heard).not.toContain(SECRET);
    expect(heard).not.toContain('hunter2');
    expect(await rowsOfB()).toEqual(before);
  });

  test('a stranger, who may call none', async () => {
    expect((await callAll(cast.sessions.stranger)).permitted).toBe(0);
  });
});

describe('a worker, which may run the engine,', () => {
  test('changes nothing that has ended by any of its functions, except that it may prune, and reads no result', async () => {
    valuesOf.set('text', ['embed', cast.names.b]);
    valuesOf.set('interval', ['1000 years']);
    const ended = async () =>
      (await rowsOfB()).filter(({ status }) => ['completed', 'failed', 'cancelled'].includes(status));
    const before = await ended();
    const { heard, permitted } = await callAll(cast.sessions.worker);
    expect(permitted).toBeGreaterThan(20);
    expect(await ended()).toEqual(before);
    expect(heard).not.toContain('hunter2');
    expect(heard).not.toContain(`"result":"${SECRET}"`);
  });
});

test('(the owner, who sees all, would be found out)', async () => {
  const before = await rowsOfB();
  const { heard } = await callAll(cast.sessions.owner);
  expect(heard).toContain(SECRET);
  expect(await rowsOfB()).not.toEqual(before);
});
