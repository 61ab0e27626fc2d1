import { afterAll, describe, expect, test } from 'vitest';
import { classifyText, cutBareText } from './classify-text.ts';
import { createTextParser, MAX_PARSED_BYTES } from './text-parser.ts';

const parser = createTextParser();
afterAll(() => parser.stop());
const options = { parser, standardConformingStrings: true };
const planOf = (text: string) => classifyText(text, options);

const WRAPPED = { kind: 'wrapped', commitsItself: false };
const COMMITS_ITSELF = { kind: 'wrapped', commitsItself: true };
const BARE = { kind: 'bare' };
const REFUSED = { kind: 'refused', message: 'COPY not supported' };

describe('a text is wrapped', () => {
  test.each([
    'select 1',
    ';',
    '-- nothing',
    'select case when true then 1 end',
    "select 'begin; commit'",
    'select 1 -- commit',
    'select "end" from t',
    'savepoint a; select 1; rollback to savepoint a; release a',
    'prepare p as select 1; execute p',
    'create function f() returns int language plpgsql as $$ begin commit; end $$',
    'create function f() returns int begin atomic select 1; end',
    'do $$ begin commit; end $$',
    'start_of_something()',
    'copy t from program $$cat$$',
    "copy t to '/tmp/stdout'",
    'vacuum',
    'this is no SQL',
    '\\d stdin',
  ])('%j', async (text) => {
    expect(await planOf(text)).toEqual(WRAPPED);
  });

  test.each([
    'begin; select 1; commit',
    'BEGIN WORK; select 1; END TRANSACTION;',
    'start transaction; select 1; commit work; -- over',
    'set a.b = 1; begin; select 1; commit',
    'insert into t values (1); commit',
  ])('with its own COMMIT, which is its last statement: %j', async (text) => {
    expect(await planOf(text)).toEqual(COMMITS_ITSELF);
  });
});

describe('a text is bare', () => {
  test.each([
    'insert into t values (1); commit; select 1',
    'begin; select 1',
    'begin; select 1; rollback',
    'begin; select 1; abort',
    'begin; select 1; commit and chain',
    'begin isolation level serializable; select 1; commit',
    'start transaction read only; select 1; commit',
    'begin; select 1; commit; begin; select 2; commit',
    'commit; begin',
    "begin; select 1; prepare transaction 'x'",
    "commit prepared 'x'",
    "rollback prepared 'x'",
    'begin; this is no SQL; commit',
    `begin; ${'('.repeat(10_000)}select 1${')'.repeat(10_000)}; commit`,
    `commit; select 1${' + 1'.repeat(50_000)}`,
    `select '${'x'.repeat(MAX_PARSED_BYTES)}'; commit`,
  ])('%j', async (text) => {
    expect(await planOf(text)).toEqual(BARE);
  });

  test('where strings may end elsewhere for the server, as soon as it has one of the words', async () => {
    const text = "select 'a\\'' ; select ';commit; select '";
    expect(await classifyText(text, { ...options, standardConformingStrings: false })).toEqual(BARE);
    expect(await planOf("select 'commit'")).toEqual(WRAPPED);
    expect(await classifyText("select 'commit'", { ...options, standardConformingStrings: false })).toEqual(BARE);
  });
});

test.each([
  'copy t from stdin',
  'select 1; copy (select 1) to stdout with (format csv)',
  'COPY t FROM STDIN; commit; select 1',
])('COPY from and to the client is refused: %j', async (text) => {
  expect(await planOf(text)).toEqual(REFUSED);
});

test('the parser goes on after texts that exhaust it', { timeout: 30_000 }, async () => {
  const deep = `begin; select ${'-'.repeat(1)}${'(1 + '.repeat(200_000)}1${')'.repeat(200_000)}`;
  expect(await planOf(deep)).toEqual(BARE);
  expect(await planOf('begin; select 1; commit')).toEqual(COMMITS_ITSELF);
});

describe('outside of a transaction block', () => {
  test('a single statement runs alone, and settings before it one by one', async () => {
    expect(await cutBareText('vacuum', options)).toEqual({
      settings: [],
      rest: { text: 'vacuum', charactersBefore: 0 },
    });
    expect(await cutBareText("set work_mem = '1GB'; -- für 🎉\nreset lock_timeout; vacuum;", options)).toEqual({
      settings: [
        { text: "set work_mem = '1GB'", charactersBefore: 0 },
        { text: 'reset lock_timeout', charactersBefore: 31 },
      ],
      rest: { text: 'vacuum', charactersBefore: 51 },
    });
  });

  test.each([
    'set transaction isolation level serializable; select 1',
    'set a.b = 1; set transaction_read_only = on; select 1',
    'begin; set transaction deferrable; select 1; commit',
    'this is no SQL',
  ])('all of it runs: %j', async (text) => {
    expect(await cutBareText(text, options)).toEqual({ settings: [], rest: { text, charactersBefore: 0 } });
  });

  test.each([
    'vacuum; select 1',
    'select 1; vacuum',
    'set local a.b = 1; vacuum',
    'create table t (a int); vacuum t',
    ';',
  ])('it would fail as well: %j', async (text) => {
    expect(await cutBareText(text, options)).toBeUndefined();
  });

  test('a text with strings that may end elsewhere for the server is not cut', async () => {
    const text = 'set a.b = 1; vacuum';
    expect(await cutBareText(text, { ...options, standardConformingStrings: false })).toEqual({
      settings: [],
      rest: { text, charactersBefore: 0 },
    });
  });
});
