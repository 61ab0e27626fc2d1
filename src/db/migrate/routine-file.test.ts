import { expect, test } from 'vitest';
import { parseRoutine, readRoutines } from './routine-file.ts';

const TEXT = `-- lamplighter.add_up (caller, worker)
-- Adds up.
create or replace function lamplighter.add_up(
  p_a integer,
  p_b integer
) returns integer
language sql as $$ select 1 $$;
`;

test('the file of a function tells its name, its audience and its signature', () => {
  expect(parseRoutine('add_up.sql', TEXT)).toEqual({
    schema: 'lamplighter',
    name: 'add_up',
    audience: ['caller', 'worker'],
    signature: '( p_a integer, p_b integer ) returns integer',
    text: TEXT,
    checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    bodyChecksum: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test.each([
  ['another name than the file', TEXT.replace('.add_up (', '.add (')],
  ['no audience', TEXT.replace(' (caller, worker)', '')],
  ['an unknown audience', TEXT.replace('caller', 'everybody')],
  ['another function', TEXT.replace('function lamplighter.add_up', 'function lamplighter.add')],
  ['a function that cannot be applied again', TEXT.replace('or replace ', '')],
  ['nothing', ''],
])('a file with %s is refused', (_, text) => {
  expect(() => parseRoutine('add_up.sql', text)).toThrow(
    'add_up.sql: expected a first line "-- schema.add_up (caller|worker|monitor|owner|internal)"',
  );
});

test('the files on disk are of functions or procedures, their triggers and views only, each named once, and can be applied again', () => {
  const routines = readRoutines();
  expect(new Set(routines.map(({ name }) => name)).size).toBe(routines.length);
  for (const { name, text } of routines) {
    const outside = text.replace(/\$\$.*?\$\$/gs, '');
    const begun = [...outside.matchAll(/^(create|alter|comment|drop|insert|do|grant|revoke)\b.*/gm)].map(
      ([line]) => line,
    );
    expect(
      begun.filter(
        (line) =>
          !/^(create or replace (function|procedure|trigger|view)|comment on (function|procedure|view|column)) /.test(
            line,
          ),
      ),
    ).toEqual([]);
    expect(outside.match(/^create or replace (?:function|procedure) /gm), name).toHaveLength(1);
    expect(text.endsWith(';\n'), name).toBe(true);
  }
});

test('every function has a contract: comments below its first line, or a comment in the catalog', () => {
  const bare = readRoutines().filter(
    ({ text }) => !/^.*\n-- /.test(text) && !/^comment on (?:function|procedure) /m.test(text),
  );
  expect(bare.map(({ name }) => name)).toEqual([]);
});
