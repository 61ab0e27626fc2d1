import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { readPage, tableRows } from './markdown-page.ts';

const page = readPage('docs/reference/sql.md');

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

/** One spelling for a type, a default and the spaces around them. */
function normalise(text: string): string {
  const words = text
    .replace(/::text\b/g, '')
    // PostgreSQL marks what goes into a procedure.
    .replace(/\bIN /g, '')
    .replace(/timestamp with time zone/g, 'timestamptz')
    .replace(/\s+/g, ' ');
  return words.replace(/ ?([(),]) ?/g, '$1').replace(/\b[A-Z]+\b/g, (word) => word.toLowerCase());
}

test('each public function stands there with its arguments, defaults and result, under its name', async () => {
  const { rows } = await db.pool.query<{ signature: string }>(
    `select case when n.nspname = 'public' then '' else n.nspname || '.' end || p.proname
            || '(' || regexp_replace(pg_get_function_arguments(p.oid), ',? ?\\m(TABLE\\(|OUT ).*$', '') || ')'
            || coalesce(' returns ' || pg_get_function_result(p.oid), '') as signature
     from pg_proc as p
     join pg_namespace as n on n.oid = p.pronamespace
     where (n.nspname = 'public' and p.proname like 'steadytext%') or n.nspname = 'lantern'
       or (n.nspname = 'lamplighter' and p.proname in ('set', 'revoke_role', 'list_waits', 'backlog', 'retry_delivery', 'retry_embeddings',
                                                          'reconcile_embeddings', 'search', 'search_by_vector'))`,
  );
  const signatures = page.blocks.filter(({ marks }) => marks.includes('signature')).map(({ text }) => normalise(text));
  expect(signatures.sort()).toEqual(rows.map(({ signature }) => normalise(signature)).sort());
  const headings = page.text.match(/^### .*$/gm)?.map((line) => line.slice(4));
  expect(headings?.sort()).toEqual(signatures.map((signature) => signature.split('(')[0]).sort());
});

test('each function stands there with a call that the tests run, and its result', () => {
  const sections = page.text.split(/^### /m).slice(1);
  const withoutCall = sections.filter((section) => {
    const name = /^\S+/.exec(section)?.[0] ?? '';
    const calls = [...section.matchAll(/^```sql run[^\n]*\n([\s\S]*?)^```\n\n```text result/gm)].map(
      ([, sql = '']) => sql,
    );
    return !calls.some((sql) => sql.includes(`${name}(`));
  });
  expect(withoutCall.map((section) => section.split('\n')[0])).toEqual([]);
});

/** PostgreSQL has uuidv7() since 18; before, the default spells it out. What the default of traceparent is called is what it reads. */
function nameDefault(text: string): string {
  const [, setting] = /\bcurrent_setting\('(lamplighter\.\w+)'/.exec(text) ?? [];
  if (setting !== undefined) return setting;
  return text.startsWith('(encode(set_bit(') ? 'uuidv7()' : text.replace(/::\w+/g, '');
}

test('the table of steadytext_queue has its columns, types and defaults in order', async () => {
  const { rows } = await db.pool.query<{ name: string; type: string; default: string }>(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
            case when a.attidentity <> '' then 'identity' else coalesce(pg_get_expr(d.adbin, d.adrelid), '') end as default
     from pg_attribute as a
     left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = 'public.steadytext_queue'::regclass and a.attnum > 0 and not a.attisdropped
     order by a.attnum`,
  );
  const [, ...documented] = tableRows(page, 'The table steadytext_queue');
  expect(documented.map((cells) => cells.slice(0, 3))).toEqual(
    rows.map((row) => [row.name, normalise(row.type), nameDefault(row.default)]),
  );
});

test.each([
  ['table', 'tasks', 3],
  ['view', 'task_status', 2],
])('the %s lantern.%s has its columns, types and defaults in order', async (kind, relation, cells) => {
  const { rows } = await db.pool.query<{ name: string; type: string; default: string }>(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, coalesce(pg_get_expr(d.adbin, d.adrelid), '') as default
     from pg_attribute as a
     left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = format('lantern.%I', $1::text)::regclass and a.attnum > 0 and not a.attisdropped
     order by a.attnum`,
    [relation],
  );
  const [, ...documented] = tableRows(page, `The ${kind} lantern.${relation}`);
  expect(documented.map((row) => row.slice(0, cells))).toEqual(
    rows.map((row) => [row.name, normalise(row.type), nameDefault(row.default)].slice(0, cells)),
  );
});

const ERROR_ROWS = tableRows(page, 'Errors');
const CALLS = ERROR_ROWS.filter(([call = '']) => call.includes('('));
const OTHERS = ERROR_ROWS.filter(([state = '']) => /^[0-9A-Z]{5}$/.test(state));

test.each(CALLS)('select %s raises %s', async (call, code, message) => {
  expect(await sqlErrorOf(db.pool, `select ${call}`)).toMatchObject({ code, message });
});

test('every message that the functions raise stands in one of the tables', async () => {
  const { rows } = await db.pool.query<{ raised: string }>(
    `select distinct m[1] as raised
     from pg_proc as p
     cross join regexp_matches(p.prosrc, 'raise exception ''((?:[^'']|'''')+)''', 'g') as m
     where p.pronamespace in (select n.oid from pg_namespace as n where n.nspname in ('lamplighter', 'public', 'lantern'))
       and p.proname not in ('require_lease')`,
  );
  const documented = [...CALLS.map((cells) => cells[2] ?? ''), ...OTHERS.map((cells) => cells[1] ?? '')];
  const isDocumented = (raised: string) => {
    const words = raised
      .replaceAll("''", "'")
      .split('%')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return documented.some((message) => new RegExp(`^${words.join('.+')}$`).test(message));
  };
  expect(rows.map(({ raised }) => raised).filter((raised) => !isDocumented(raised))).toEqual([]);
});

test('the messages that depend on the state have the SQLSTATE that is said', async () => {
  const { rows } = await db.pool.query<{ source: string }>(
    `select string_agg(p.prosrc, ' ') as source from pg_proc as p
     where p.pronamespace in (select n.oid from pg_namespace as n where n.nspname in ('lamplighter', 'public', 'lantern'))`,
  );
  const source = rows[0]?.source ?? '';
  const found = OTHERS.map(([, message = '']) => {
    const start = source.indexOf(`'${message}'`);
    const statement = start === -1 ? '' : source.slice(start, source.indexOf(';\n', start));
    return [start === -1 ? 'not raised' : (/errcode = '(\w+)'/.exec(statement)?.[1] ?? 'P0001'), message];
  });
  expect(found).toEqual(OTHERS.map(([state, message]) => [state, message]));
});
