import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { type Cast, createCast } from './cast.ts';

/**
 * A caller as migrate makes it; one to whom somebody granted ALL on the table besides, as "GRANT ALL ON ALL TABLES IN SCHEMA public"
 * does; and one that also ignores row-level security, as the service roles of some hosts do.
 */
const FORGERS = ['granted', 'granted everything', 'granted everything, with BYPASSRLS'] as const;
type Forger = (typeof FORGERS)[number];

const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
const ALLOWED = ['pending > cancelled', 'processing > cancelled', 'failed > pending'];

let cast: Cast;
let sessions: Record<Forger, pg.Client>;

beforeAll(async () => {
  cast = await createCast();
  const open = async (name: string, more: (role: string) => string[]) => {
    const { name: role, uri } = await cast.database.createRole(name);
    await cast.migrateAs(cast.logins.owner, { grant: [role] });
    for (const statement of more(role)) await cast.database.pool.query(statement);
    const client = new pg.Client({ connectionString: uri, application_name: 'lamplighter test forger' });
    await client.connect();
    return client;
  };
  const everything = (role: string) => [
    `grant all on all tables in schema public to ${role}`,
    `grant all on all sequences in schema public to ${role}`,
  ];
  sessions = {
    granted: cast.sessions.a,
    'granted everything': await open('over', everything),
    'granted everything, with BYPASSRLS': await open('bypass', (role) => [
      ...everything(role),
      `alter role ${role} bypassrls`,
    ]),
  };
});
afterAll(async () => {
  await sessions?.['granted everything'].end();
  await sessions?.['granted everything, with BYPASSRLS'].end();
  await cast[Symbol.asyncDispose]();
});

beforeEach(() => cast.database.pool.query('delete from public.steadytext_queue'));

const CHOSEN_ID = '00000000-0000-4000-8000-000000000001';
const FORGED_COLUMNS: readonly (readonly [column: string, value: string])[] = [
  ['id', '9000000000000'],
  ['status', `'completed'`],
  ['status', `'processing'`],
  ['status', `'failed'`],
  ['status', `'cancelled'`],
  ['result', `'forged'`],
  ['error', `'forged'`],
  ['username', `'somebody_else'`],
  ['created_at', `now() - interval '1 day'`],
  ['created_at', `'infinity'`],
  ['started_at', 'now()'],
  ['completed_at', 'now()'],
  ['failed_at', 'now()'],
  ['retry_count', '1'],
  ['worker_id', `'${CHOSEN_ID}'`],
  ['attempt', '2'],
  ['run_at', `'2100-01-01'`],
];
const UPDATED_COLUMNS = [
  ...FORGED_COLUMNS.filter(([column]) => column !== 'status' && column !== 'retry_count'),
  ['request_id', `'${CHOSEN_ID}'`],
  ['function_name', `'generate'`],
  ['parameters', `'{"text_input": "another"}'`],
  ['model', `'another'`],
  ['batch_id', `'${CHOSEN_ID}'`],
] as const;

/** A row of the forger's own, put into `status` by the engine. */
async function ownRow(forger: Forger, status: string): Promise<string> {
  const { rows } = await sessions[forger].query<{ id: string }>(`select public.steadytext_embed_async('x') as id`);
  const id = rows[0]?.id ?? '';
  await cast.database.pool.query(
    `update public.steadytext_queue set status = $2, attempt = 1, worker_id = gen_random_uuid(), started_at = now() where request_id = $1`,
    [id, status],
  );
  return id;
}

async function rowOf(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await cast.database.pool.query('select * from public.steadytext_queue where request_id = $1', [id]);
  return rows[0];
}

describe.each(FORGERS)('a caller that was %s', (forger) => {
  test('may insert a pending request with whatever is its own to choose', async () => {
    const { rows } = await sessions[forger].query(
      `insert into public.steadytext_queue (function_name, parameters, priority, model, status, retry_count, username, created_at, batch_id)
       values ('embed', '{"text_input": "x"}', 3, 'default', 'pending', 0, current_user, now(), gen_random_uuid())
       returning status`,
    );
    expect(rows).toEqual([{ status: 'pending' }]);
  });

  test.each(FORGED_COLUMNS)('cannot insert %s = %s', async (column, value) => {
    const error = await sqlErrorOf(
      sessions[forger],
      `insert into public.steadytext_queue (function_name, ${column}) values ('embed', ${value})`,
    );
    expect(error.code).toBe('42501');
  });

  test.each(FORGED_COLUMNS)('cannot insert %s = %s after an honest row', async (column, value) => {
    const error = await sqlErrorOf(
      sessions[forger],
      `insert into public.steadytext_queue (function_name, ${column}) values ('embed', default), ('embed', ${value})`,
    );
    expect(error.code).toBe('42501');
    const { rows } = await cast.database.pool.query('select from public.steadytext_queue');
    expect(rows).toHaveLength(0);
  });

  test.each(UPDATED_COLUMNS)('cannot update %s = %s', async (column, value) => {
    const id = await ownRow(forger, 'processing');
    const before = await rowOf(id);
    for (const status of ['status', `'cancelled'`]) {
      const error = await sqlErrorOf(
        sessions[forger],
        `update public.steadytext_queue set status = ${status}, ${column} = ${value}`,
      );
      expect(error.code).toBe('42501');
    }
    expect(await rowOf(id)).toEqual(before);
  });

  test.each(STATUSES)('takes a %s request only where it may go', async (from) => {
    const taken: string[] = [];
    for (const to of STATUSES.filter((status) => status !== from)) {
      const id = await ownRow(forger, from);
      const moved = await sessions[forger]
        .query('update public.steadytext_queue set status = $2 where request_id = $1', [id, to])
        .then(() => true)
        .catch((error: unknown) => {
          expect(error).toMatchObject({ code: '42501' });
          return false;
        });
      expect((await rowOf(id))?.['status']).toBe(moved ? to : from);
      if (moved) taken.push(`${from} > ${to}`);
    }
    expect(taken).toEqual(ALLOWED.filter((step) => step.startsWith(`${from} `)));
  });

  test('may set retry_count of its own requests, but not below zero', async () => {
    const id = await ownRow(forger, 'failed');
    await sessions[forger].query('update public.steadytext_queue set retry_count = 2 where request_id = $1', [id]);
    expect(await rowOf(id)).toMatchObject({ retry_count: 2, status: 'failed' });
    const error = await sqlErrorOf(sessions[forger], 'update public.steadytext_queue set retry_count = -1');
    expect(error.code).toBe('23514');
  });

  test.each(STATUSES)('may change the priority of its own %s request only if that is pending', async (status) => {
    const id = await ownRow(forger, status);
    const raised = sessions[forger].query('update public.steadytext_queue set priority = 7 where request_id = $1', [
      id,
    ]);
    if (status === 'pending') await raised;
    else
      await expect(raised).rejects.toMatchObject({
        code: '42501',
        message: `The priority of a request can be changed while it is pending, not when it is ${status}`,
      });
    expect(await rowOf(id)).toMatchObject({ status, priority: status === 'pending' ? 7 : 0 });
  });

  test('keeps nothing of an execution when it takes a failed request back to pending', async () => {
    const id = await ownRow(forger, 'failed');
    await cast.database.pool.query(
      `update public.steadytext_queue set error = 'e', failed_at = now(), retry_count = 3`,
    );
    await sessions[forger].query(`update public.steadytext_queue set status = 'pending' where request_id = $1`, [id]);
    const fresh = { result: null, error: null, started_at: null, completed_at: null, failed_at: null };
    expect(await rowOf(id)).toMatchObject({ ...fresh, worker_id: null, run_at: null, retry_count: 0, attempt: 1 });
  });

  test('cannot truncate the table', async () => {
    const error = await sqlErrorOf(sessions[forger], 'truncate public.steadytext_queue');
    expect(error.code).toBe('42501');
  });
});

describe.each(FORGERS)('a caller that was %s cannot forge a result by', (forger) => {
  const expectRefused = async (statement: string, code = '42501') => {
    const id = await ownRow(forger, 'processing');
    const before = await rowOf(id);
    const error = await sqlErrorOf(sessions[forger], statement.replaceAll(':id', `'${id}'`));
    expect(error.code).toBe(code);
    expect(await rowOf(id)).toEqual(before);
  };
  const SET = `status = 'completed', result = 'forged'`;

  test('UPDATE ... FROM', () =>
    expectRefused(
      `update public.steadytext_queue as q set ${SET} from (values (:id::uuid)) as v (id) where q.request_id = v.id`,
    ));

  test('ON CONFLICT DO UPDATE', () =>
    expectRefused(
      `insert into public.steadytext_queue (request_id, function_name) values (:id, 'embed') on conflict (request_id) do update set ${SET}`,
    ));

  test('a data-modifying CTE with RETURNING', () =>
    expectRefused(`with w as (update public.steadytext_queue set ${SET} returning *) select * from w`));

  test('a view of its own', async () => {
    await expectRefused(
      `create temp view own_view as select * from public.steadytext_queue; update pg_temp.own_view set ${SET}`,
    );
  });

  test('a view of its own with an INSTEAD OF trigger', () =>
    expectRefused(`
      create temp view own_view as select * from public.steadytext_queue;
      create function pg_temp.forge() returns trigger language plpgsql as $$
      begin
        update public.steadytext_queue as q set ${SET} where q.request_id = old.request_id;
        return new;
      end
      $$;
      create trigger forge instead of update on own_view for each row execute function pg_temp.forge();
      update pg_temp.own_view set priority = 1`));

  test('a security definer function of its own', () =>
    expectRefused(`
      create function pg_temp.forge() returns void language sql security definer as $$
        update public.steadytext_queue set ${SET}
      $$;
      select pg_temp.forge()`));

  test('switching triggers off', () => expectRefused(`set session_replication_role = 'replica'`));

  test('MERGE', async ({ skip }) => {
    const { rows } = await cast.database.pool.query('show server_version_num');
    skip(Number(rows[0]?.server_version_num) < 150_000, 'PostgreSQL 14 has no MERGE');
    await expectRefused(`
      merge into public.steadytext_queue as q using (values (:id::uuid)) as v (id) on q.request_id = v.id
      when matched then update set ${SET}`);
  });

  test.each([
    ['ALTER TABLE ... DISABLE TRIGGER', 'alter table public.steadytext_queue disable trigger user'],
    ['ALTER TABLE ... DISABLE ROW LEVEL SECURITY', 'alter table public.steadytext_queue disable row level security'],
    ['CREATE POLICY', 'create policy all_rows on public.steadytext_queue using (true)'],
    ['CREATE RULE', 'create rule forge as on update to public.steadytext_queue do instead nothing'],
    ['DROP TRIGGER', 'drop trigger guard_update on public.steadytext_queue'],
    [
      'CREATE OR REPLACE FUNCTION',
      `create or replace function lamplighter.guard_request_update() returns trigger language plpgsql as ''`,
    ],
    ['ALTER FUNCTION', 'alter function lamplighter.guard_request_update() rename to gone'],
    ['INHERITS', 'create temp table child () inherits (public.steadytext_queue)'],
    ['ALTER DEFAULT', `alter table public.steadytext_queue alter result set default 'forged'`],
  ])('%s', (_name, statement) => expectRefused(statement));
});

describe('what lies beside the table', () => {
  test('a copy made by LIKE INCLUDING ALL takes what its owner writes, and nothing of it is in the queue', async () => {
    const { a } = cast.sessions;
    await ownRow('granted', 'failed');
    await a.query(
      'create temp table dead_letter (like public.steadytext_queue including all, died_at timestamptz default now())',
    );
    await a.query(`insert into pg_temp.dead_letter select * from public.steadytext_queue where status = 'failed'`);
    await a.query(`delete from public.steadytext_queue where status = 'failed'`);
    await a.query(
      `insert into pg_temp.dead_letter (function_name, status, result) values ('embed', 'completed', 'forged')`,
    );
    const { rows } = await a.query('select username, status from pg_temp.dead_letter order by died_at');
    expect(rows).toEqual([
      { username: cast.names.a, status: 'failed' },
      { username: cast.names.a, status: 'completed' },
    ]);
    expect((await cast.database.pool.query('select from public.steadytext_queue')).rows).toHaveLength(0);
    const attach = await sqlErrorOf(a, 'alter table pg_temp.dead_letter inherit public.steadytext_queue');
    expect(attach.code).toBe('42501');
  });

  test('no trigger can be put on the table by a caller', async () => {
    const error = await sqlErrorOf(
      cast.sessions.a,
      `create function pg_temp.forge() returns trigger language plpgsql as $$ begin return new; end $$;
       create trigger aaa_first before insert on public.steadytext_queue for each row execute function pg_temp.forge()`,
    );
    expect(error.code).toBe('42501');
  });

  test.each(['granted', 'granted everything'] as const)(
    "ON CONFLICT does not show another role's request to a caller that was %s",
    async (forger) => {
      const { rows } = await cast.sessions.b.query<{ id: string }>(
        `select public.steadytext_embed_async('secret of b') as id`,
      );
      const notices: string[] = [];
      const collect = ({ message }: { message?: string | undefined }) => notices.push(message ?? '');
      sessions[forger].on('notice', collect);
      await sessions[forger].query(
        `create or replace function pg_temp.tell(parameters jsonb) returns boolean language plpgsql as $$
       begin
         raise notice 'seen: %', parameters;
         return false;
       end
       $$`,
      );
      const error = await sqlErrorOf(
        sessions[forger],
        `insert into public.steadytext_queue as q (request_id, function_name) values ('${rows[0]?.id}', 'embed')
       on conflict (request_id) do update set status = 'cancelled' where pg_temp.tell(q.parameters)`,
      );
      sessions[forger].off('notice', collect);
      expect(['42501', '23505']).toContain(error.code);
      expect(notices).toEqual([]);
    },
  );

  test("ON CONFLICT does not show another role's request under the id that the session was issued last", async () => {
    const { superuser: pooled } = cast.sessions;
    const notices: string[] = [];
    const collect = ({ message }: { message?: string | undefined }) => notices.push(message ?? '');
    pooled.on('notice', collect);
    await pooled.query(
      `create or replace function pg_temp.tell(parameters jsonb) returns boolean language plpgsql as $$
       begin
         raise notice 'seen: %', parameters;
         return false;
       end
       $$;
       set role ${cast.names.b}`,
    );
    const { rows } = await pooled.query<{ id: string }>(
      `insert into public.steadytext_queue (function_name, parameters) values ('embed', '{"text_input": "secret of b"}') returning id`,
    );
    await pooled.query(`set role ${cast.names.a}`);
    const error = await sqlErrorOf(
      pooled,
      `insert into public.steadytext_queue as q (id, function_name) values (${rows[0]?.id}, 'embed')
       on conflict (id) do update set status = 'cancelled' where pg_temp.tell(q.parameters)`,
    );
    await pooled.query('reset role');
    pooled.off('notice', collect);
    expect(error.code).toBe('23505');
    expect(notices).toEqual([]);
  });

  test.each(['granted', 'granted everything'] as const)(
    'a caller that was %s takes no id but what its session was issued last, which is as good as a new one',
    async (forger) => {
      const session = sessions[forger];
      const insert = (id: number | string) =>
        session.query<{ id: string }>(
          `insert into public.steadytext_queue (id, function_name) values (${id}, 'embed') returning id`,
        );
      const { rows } = await session.query<{ id: string }>(
        `insert into public.steadytext_queue (function_name) values ('embed'), ('embed') returning id`,
      );
      const [first, last] = rows.map(({ id }) => Number(id));
      if (first === undefined || last === undefined) throw new Error('expected two ids');
      expect(last).toBe(first + 1);
      await expect(insert(last)).rejects.toMatchObject({ code: '23505' });
      await session.query('delete from public.steadytext_queue');
      for (const id of [first, last + 1, last + 2, 9e12])
        await expect(insert(id)).rejects.toMatchObject({ code: '42501' });
      expect(Number((await insert(last)).rows[0]?.id)).toBe(last);
      expect(Number((await insert('default')).rows[0]?.id)).toBe(last + 1);
    },
  );
});
