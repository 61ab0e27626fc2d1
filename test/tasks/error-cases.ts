import type { Random } from '../properties/random.ts';

/** What {@link ERROR_TEXTS} need: a schema `err`, which has to be first in the search_path. */
export const ERROR_SETUP = `
  create schema err;
  set search_path = err, public;
  create table t (id int primary key, a text not null, n numeric(3, 1), constraint a_is_short check (length(a) < 5));
  create table child (id int references t deferrable initially deferred);
  create table "Ünï tab" ("Größe" int);
  create type mood as enum ('sad', 'ok');
  create domain small as int check (value < 10);
  create view v as select id, a from t;
  create function sql_div(i int) returns int language sql as 'select 1 / i';
  create function raise_all() returns void language plpgsql as $$
  begin
    raise exception 'all of it' using errcode = 'XX999', detail = 'more', hint = 'do', schema = 's', table = 't', column = 'c';
  end $$;
  create function nested(depth int) returns int language plpgsql as $$
  begin
    if depth = 0 then return 1 / 0; end if;
    return err.nested(depth - 1);
  end $$;
  create function bad_dynamic(what text) returns void language plpgsql as $$
  begin
    execute what;
  end $$;
  create function refuse() returns trigger language plpgsql as $$
  begin
    raise exception 'not %', tg_op;
  end $$;
  create table guarded (id int);
  create trigger guard before insert on guarded for each row execute function refuse();
  create function quiet() returns int language plpgsql as $$
  declare x int;
  begin
    select haha into x from err.t;
    return x;
  end $$;
  insert into t values (1, 'one');
`;

const LONG = 'abcdefghij '.repeat(12);

/** Texts that fail, each in a way of its own. */
export const ERROR_TEXTS: readonly string[] = [
  // Positions: lines, widths, tabs, ends.
  'SELECT pg_sleep(haha);',
  'select haha',
  'select haha ',
  'select 1,',
  'select haha from',
  'selekt 1',
  'select\n  1,\n  haha\nfrom t',
  'select 1;\nselect 2;\n\nselect haha;',
  'select\r\n1,\r\nhaha\r\nfrom t',
  'select\r1,\rhaha\rfrom t',
  'select\n\r1,\n\rhaha',
  'select 1\n,\thaha\t, 2',
  '\t\tselect\thaha\t',
  '-- a comment\nselect haha',
  '/* a\n   comment */ select haha',
  "select 'ä ö ü ß', haha",
  "select '日本語', haha, '漢字'",
  "select '🎉🎉', haha, '🎈'",
  "select 'e\u0301 a\u0308', haha",
  "select 'zero\u200bwidth\u200d', haha",
  "select 'か\u3099', haha",
  "select 'ｆｕｌｌ ﾊﾝｶｸ 한글', haha",
  'select "größe" from "Ünï tab"',
  `select '${LONG}', haha`,
  `select haha, '${LONG}'`,
  `select '${LONG}', haha, '${LONG}'`,
  `select '${'日本語 '.repeat(12)}', haha, '${'漢字 '.repeat(12)}'`,
  `select '${'🎉 '.repeat(20)}', haha, '${'\t'.repeat(20)}x'`,
  `select 1, -- ${LONG}\n  '${LONG}', haha, '${LONG}'\nfrom t -- ${LONG}`,
  `select 1 /* ${'x'.repeat(34)} */ + haha`,
  `select 1 /* ${'x'.repeat(35)} */ + haha`,
  `select 1 /* ${'x'.repeat(36)} */ + haha`,
  `select 1 /* ${'x'.repeat(37)} */ + haha /* ${'x'.repeat(30)} */`,
  `select '${'x'.repeat(300)}`,
  'select 1 from t where (a = 1',
  'select (1))',
  "select 'open",
  'select "open',
  'select $$open',
  '/* open',
  'select 1 +',
  'select 1 +\n',
  'select 1 +\n\n\n',
  'select * from nosuch',
  'select * from nosuch.t',
  'select nosuch(1)',
  "select 1 + 'x'",
  'select 1 || 2 + null::point',
  "select 'x'::int",
  "select '2026-13-45'::date",
  "select '{1'::int[]",
  `select '{"a": }'::jsonb`,
  'select a, count(*) from t',
  'select t.a from t group by t.n',
  'select id from t, v',
  'select * from t where sum(id) > 1',
  'select (select id, a from t)',
  'select x from (select 1)',
  'insert into t (id, a) values (2)',
  'insert into t (id) values (2, 3)',
  'insert into t (id, nosuch) values (2, 3)',
  'update t set nosuch = 1',
  'select id from t union select a from t',
  'with x as (select 1) select * from y',
  'select row_number() from t',
  'select 1 order by 2',
  'select 1 limit -1',
  'select 99999999999999999999::int',
  'select 2147483647 + 1',
  'select 1 / 0',
  'select (1, 2) = (1, 2, 3)',
  'select nextval(1)',
  // Details, hints, constraints.
  "insert into t values (1, 'dup')",
  'insert into t values (2, null)',
  "insert into t values (2, 'too long')",
  "insert into t values (2, 'x', 1000)",
  'begin; insert into child values (7); commit',
  'set constraints all immediate; insert into child values (7)',
  'delete from t; drop table t',
  'drop table nosuch',
  'drop type mood cascade; select null::mood',
  "select 'angry'::mood",
  'select 11::small',
  'insert into v values (null, null)',
  'create table t (id int)',
  'create index on t (nosuch)',
  'create index i on t (id); create index i on t (id)',
  'alter table t add column a int',
  'alter table t alter column a type int',
  'alter table nosuch add x int',
  'create function f() returns int language sql as $$ select haha $$',
  'create function f() returns int language plpgsql as $$ begin selekt 1; end $$',
  'create function f() returns int language plpgsql as $$\nbegin\n  return 1\nend $$',
  'create function f() returns int language nosuch as $$ $$',
  'drop function nosuch(int)',
  'grant select on t to nosuch_role',
  'set nosuch = 1',
  "set statement_timeout = 'often'",
  "set datestyle = 'nosuch'",
  'set role nosuch_role',
  'show nosuch',
  "set statement_timeout = '50ms'; select pg_sleep(5)",
  'vacuum; select 1',
  'create index concurrently ci on t (id); select 1',
  'create database x; select 1',
  'rollback to savepoint nosuch',
  'begin; savepoint a; release b',
  'lock table t',
  'declare c cursor for select 1',
  'fetch from nosuch',
  'execute nosuch',
  'deallocate nosuch',
  'prepare p as select $1::int; execute p',
  // Context, internal queries.
  'select raise_all()',
  'select sql_div(0)',
  'select nested(3)',
  "select bad_dynamic('select haha')",
  "select bad_dynamic(E'select\\n  1,\\n\\thaha\\nfrom nosuch')",
  `select bad_dynamic($$select '${LONG}', haha, '${LONG}'$$)`,
  'select bad_dynamic(null)',
  'select quiet()',
  'insert into guarded values (1)',
  "do $$ begin raise exception 'plain'; end $$",
  "do $$ begin raise exception E'two\\nlines' using detail = E'and\\nmore', hint = ''; end $$",
  "do $$ begin raise exception 'user 25001' using errcode = '25001'; end $$",
  "do $$ begin perform 'x'::int; end $$",
  'do $$ begin perform 1 / 0; exception when division_by_zero then raise; end $$',
  "do $$ begin assert false, 'no'; end $$",
  'do $$ declare x int := 1; begin selec 1; end $$',
  'do language nosuch $$ $$',
  "copy t from '/nosuch/file'",
  "select json_object('{a}')",
  "select 'a' ~ '('",
  "select to_date('x', 'YYYY')",
  "select encode('a', 'nosuch')",
  "select convert_from('\\xff', 'utf8')",
  'select chr(0)',
  "select set_config('nosuch', 'x', false)",
  `select 'x' collate nosuch`,
  `select ('a' collate "C") < ('b' collate "POSIX")`,
  'select $1',
  "select U&'\\00'",
  "select E'\\xff'",
];

/** Of one column, of two and of none, in and beyond the first 65,536 code points, sequences that are drawn as one sign included. */
const PIECES =
  'a,b, ,\t,ä,日,🎉,e\u0301,\u200b,ﾊ,가,\u00a0,1,/* x */,-- y,\n,\r\n,\r,Ａ,𠀀,ᄀ,मा,กิ,ش,👨\u200d👩\u200d👧,🇩🇪,❤\ufe0f,½,—,…,㍿,〈,\u3000,\u00ad,\u0600,𝒳'.split(
    ',',
  );
const SPACES = [' ', '\n', '\t', '\r\n', '\r', '  '];

/** A text that fails at a column nobody chose, among characters of all widths and ends of lines. */
export function randomErrorText(random: Random): string {
  const filler = (most: number) => Array.from({ length: random.int(most) }, () => random.pick(PIECES) ?? '').join('');
  const quoted = () => `$q$${filler(60)}$q$`;
  const space = () => random.pick(SPACES) ?? ' ';
  const columns = Array.from({ length: random.int(4) }, () => `${quoted()}${space()},${space()}`).join('');
  return `${space()}select${space()}${columns}haha${space()},${space()}${quoted()}${space()}`;
}
