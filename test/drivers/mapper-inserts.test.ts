import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readPage } from '../docs/markdown-page.ts';
import { type Cast, createCast } from '../roles/cast.ts';
import { findPython, type Python } from '../support/python.ts';
import { sqlErrorOf } from '../support/sql-error.ts';

const PAGE = readPage('docs/orms.md');
/** The code that the page shows under this mark. */
function shown(mark: string): string {
  const block = PAGE.blocks.find(({ marks }) => marks.includes(mark));
  if (block === undefined) throw new Error(`docs/orms.md has no block ${mark}`);
  return block.text;
}
const prelude = (name: string) => readFileSync(new URL(`${name}-prelude.py`, import.meta.url), 'utf8');

let cast: Cast;
beforeAll(async () => {
  cast = await createCast();
});
afterAll(() => cast[Symbol.asyncDispose]());
beforeEach(() => cast.database.pool.query('delete from public.steadytext_queue'));

interface Stored {
  readonly username: string;
  readonly status: string;
  readonly priority: number;
  readonly text: string;
}

async function stored(): Promise<Stored[]> {
  const { rows } = await cast.database.pool.query<Stored>(
    `select username, status, priority, parameters->>'text_input' as text from public.steadytext_queue order by id`,
  );
  return rows;
}

async function lastId(): Promise<number> {
  const { rows } = await cast.database.pool.query<{ last: string }>(
    'select last_value as last from public.steadytext_queue_id_seq',
  );
  return Number(rows[0]?.last);
}

describe('a caller that names every column', () => {
  /** What has a default, and NULL where there is none: as mappers see a table that they were not told more of. */
  const DEFAULTED = [
    'id',
    'request_id',
    'status',
    'priority',
    'created_at',
    'retry_count',
    'username',
    'model',
    'attempt',
  ];
  const EMPTY = ['result', 'error', 'started_at', 'completed_at', 'failed_at', 'batch_id', 'worker_id', 'run_at'];
  const insert = (value: string) =>
    `insert into public.steadytext_queue (function_name, parameters, ${[...DEFAULTED, ...EMPTY].join(', ')})
     values ('embed', '{}'${`, ${value}`.repeat(DEFAULTED.length + EMPTY.length)})`;

  test.each(['null', 'default'])(
    'without a value, as %s, queues what it would queue without naming them',
    async (value) => {
      for (const role of ['a', 'owner'] as const) {
        const { rows } = await cast.sessions[role].query<Record<string, unknown>>(`${insert(value)} returning *`);
        expect(rows[0]).toMatchObject({
          username: cast.names[role],
          status: 'pending',
          priority: 0,
          retry_count: 0,
          attempt: 0,
          model: 'default',
          ...Object.fromEntries(EMPTY.map((column) => [column, null])),
        });
        expect(rows[0]?.['id']).toMatch(/^\d+$/);
        expect(rows[0]?.['request_id']).toMatch(/^[0-9a-f-]{36}$/);
      }
    },
  );

  test.each([
    ['id', '7', 'id is issued by its sequence and cannot be chosen'],
    ['status', `'completed'`, 'A new request must be pending, not completed'],
    ['result', `'forged'`, 'result is written when the request is executed and cannot be chosen'],
    ['worker_id', 'gen_random_uuid()', 'worker_id is written when the request is executed and cannot be chosen'],
    ['created_at', `'2020-01-01'`, 'created_at is the time of queueing and cannot be chosen'],
  ])('with a value of its own in %s is told so', async (column, value, message) => {
    const error = await sqlErrorOf(
      cast.sessions.a,
      `insert into public.steadytext_queue (function_name, ${column}) values ('embed', ${value})`,
    );
    expect([error.code, error.message]).toEqual(['42501', message]);
  });

  test('queues a request once under a request_id of its own, however often it sends it', async () => {
    const id = '0b8d2f0a-7f0e-4c55-9f6c-6a2f5ce6a001';
    const send = () =>
      cast.sessions.a.query(
        `insert into public.steadytext_queue (request_id, function_name) values ($1, 'embed') on conflict (request_id) do nothing`,
        [id],
      );
    expect([(await send()).rowCount, (await send()).rowCount]).toEqual([1, 0]);
  });

  test.each([
    ['function_name', ''],
    ['id, function_name', 'null, '],
  ])(
    'is limited as any other: a statement is refused before it has run far beyond the limit (%s)',
    async (columns, values) => {
      const { pool } = cast.database;
      await pool.query(`select lamplighter.set('max_queue_size', '1000')`);
      const before = await lastId();
      try {
        const error = await sqlErrorOf(
          cast.sessions.a,
          `insert into public.steadytext_queue (${columns}) select ${values}'embed' from generate_series(1, 100000)`,
        );
        expect(error.code).toBe('53400');
        expect((await lastId()) - before).toBeLessThan(10_000);
      } finally {
        await pool.query(`select lamplighter.set('max_queue_size', null)`);
      }
    },
  );
});

/** What Drizzle 0.45.4 sends for the page's example, an insert of two rows and the update. */
describe('Drizzle', () => {
  const COLUMNS =
    '"id", "request_id", "function_name", "parameters", "status", "result", "error", "priority", "model", "created_at", "started_at", "completed_at", "failed_at", "retry_count"';
  const REST = 'default, default, default, default, default, default, default, default, default, default';

  test('inserts, returns and updates', async () => {
    const { a } = cast.sessions;
    const { rows } = await a.query<{ id: string; created_at: Date }>(
      `insert into "steadytext_queue" (${COLUMNS}) values (default, default, $1, $2, ${REST}) returning ${COLUMNS}`,
      ['embed', '{"text_input": "one"}'],
    );
    expect(rows[0]).toMatchObject({
      function_name: 'embed',
      status: 'pending',
      priority: 0,
      retry_count: 0,
      result: null,
    });
    await a.query(
      `insert into "steadytext_queue" (${COLUMNS}) values (default, default, $1, $2, ${REST}), (default, default, $3, $4, ${REST})
       on conflict ("request_id") do nothing`,
      ['embed', '{"text_input": "two"}', 'embed', '{"text_input": "three"}'],
    );
    await a.query('update "steadytext_queue" set "priority" = $1 where "steadytext_queue"."id" = $2', [
      10,
      rows[0]?.id,
    ]);
    const mine = { username: cast.names.a, status: 'pending', priority: 0 };
    expect(await stored()).toEqual([
      { ...mine, priority: 10, text: 'one' },
      { ...mine, text: 'two' },
      { ...mine, text: 'three' },
    ]);
  });
});

describe('with the mappers of Python', () => {
  let python: Python | string;
  beforeAll(async () => {
    python = await findPython(new URL('requirements.txt', import.meta.url));
  }, 300_000);

  /** Runs the program as A; the test is skipped, and says why, where there is no Python. */
  async function runAs(role: 'a' | 'owner', program: string, skip: (note: string) => void): Promise<unknown> {
    if (typeof python === 'string') return skip(python);
    return JSON.parse(await python.run(program, { DATABASE_URL: cast.logins[role].uri }));
  }

  const PRINTED = 'print(request.request_id, request.status)';
  const QUEUED = ['The lamps are lit.', 'dusk', 'dawn'];
  const expectExample = async (seen: unknown) => {
    const rows = await stored();
    const mine = { username: cast.names.a, status: 'pending' };
    expect(rows).toEqual(QUEUED.map((text, index) => ({ ...mine, text, priority: index === 0 ? 10 : 0 })));
    const { rows: ids } = await cast.database.pool.query<{ id: string }>(
      'select request_id as id from public.steadytext_queue order by id limit 1',
    );
    expect(seen).toEqual([ids[0]?.id, 'pending']);
  };

  test("Django runs the page's model and example as a caller", async ({ skip }) => {
    const program = `${prelude('django')}
${shown('django')}
${shown('django-use').replace(PRINTED, '')}
import json
print(json.dumps([str(request.request_id), request.status]))`;
    await expectExample(await runAs('a', program, skip));
  });

  test('Django inserts with a model that knows of no default, one by one and in bulk, and is told what is not its own', async ({
    skip,
  }) => {
    const model = shown('django')
      .replace(/db_default=\w+\(\)/g, 'null=True')
      .replace(/db_default="?\w+"?/g, 'null=True');
    expect(model).not.toContain('db_default=');
    const seen = await runAs(
      'a',
      `${prelude('django')}
${model}
import json
from django.db import DatabaseError
request = Request(function_name="embed", parameters={"text_input": "one"})
request.save()
Request.objects.bulk_create([Request(function_name="embed", parameters={"text_input": t}) for t in ["two", "three"]])
errors = []
for forged in [dict(result="forged"), dict(status="completed"), dict(id=7)]:
    try:
        Request.objects.create(function_name="embed", parameters={}, **forged)
    except DatabaseError as error:
        errors.append(str(error).splitlines()[0])
request.refresh_from_db()
request.status = "cancelled"
request.save(update_fields=["status"])
Request.objects.filter(parameters__text_input="three").delete()
print(json.dumps(errors))`,
      skip,
    );
    expect(seen).toEqual([
      'result is written when the request is executed and cannot be chosen',
      'A new request must be pending, not completed',
      'id is issued by its sequence and cannot be chosen',
    ]);
    const mine = { username: cast.names.a, priority: 0 };
    expect(await stored()).toEqual([
      { ...mine, status: 'cancelled', text: 'one' },
      { ...mine, status: 'pending', text: 'two' },
    ]);
  });

  test("SQLAlchemy runs the page's model and example as a caller", async ({ skip }) => {
    const seen = await runAs(
      'a',
      `${prelude('sqlalchemy')}
${shown('sqlalchemy')}
${shown('sqlalchemy-use').replace(PRINTED, '')}
import json
print(json.dumps([str(request.request_id), request.status]))`,
      skip,
    );
    await expectExample(seen);
  });

  test('SQLAlchemy inserts with a model that knows of no default, and with one that it read from the database', async ({
    skip,
  }) => {
    const model = shown('sqlalchemy').replaceAll(
      ' = mapped_column(server_default=FetchedValue())',
      ' = mapped_column(nullable=True)',
    );
    await runAs(
      'a',
      `${prelude('sqlalchemy')}
${model}
from sqlalchemy import MetaData, Table, insert
session.add(Request(function_name="embed", parameters={"text_input": "one"}))
session.commit()
table = Table("steadytext_queue", MetaData(), autoload_with=engine)
rows = [dict(function_name="embed", parameters={"text_input": text}) for text in ["two", "three"]]
session.execute(insert(table).returning(table), rows)
session.commit()
print("null")`,
      skip,
    );
    const mine = { username: cast.names.a, status: 'pending', priority: 0 };
    expect(await stored()).toEqual(['one', 'two', 'three'].map((text) => ({ ...mine, text })));
  });

  test('psycopg copies requests into the table as the owner; a caller is told that it cannot', async ({ skip }) => {
    const program = `
import json, os, psycopg
try:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        with connection.cursor().copy("copy steadytext_queue (function_name, parameters) from stdin") as copy:
            copy.write_row(("embed", '{"text_input": "one"}'))
    print(json.dumps("copied"))
except psycopg.Error as error:
    print(json.dumps(str(error).splitlines()[0]))`;
    expect(await runAs('owner', program, skip)).toBe('copied');
    expect(await stored()).toMatchObject([{ username: cast.names.owner, text: 'one' }]);
    expect(await runAs('a', program, skip)).toBe('COPY FROM not supported with row-level security');
  });
});
