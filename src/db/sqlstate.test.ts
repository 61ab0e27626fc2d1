import { expect, test } from 'vitest';
import { LamplighterError } from '../core/errors.ts';
import { classifySqlState, isAboutRows, isSqlState, sqlStateOf } from './sqlstate.ts';

const fromServer = (code: string) => Object.assign(new Error('x'), { code, severity: 'ERROR' });

test.each([
  ['08006', 'environment'],
  ['57P01', 'environment'],
  ['25006', 'environment'],
  ['53100', 'environment'],
  ['58030', 'environment'],
  ['53300', 'backpressure'],
  ['40001', 'conflict'],
  ['40P01', 'conflict'],
  ['55P03', 'conflict'],
  ['42501', 'permission'],
  ['42P01', 'missing'],
  ['42883', 'missing'],
  ['23505', 'other'],
])('SQLSTATE %s is %s', (code, expected) => {
  expect(classifySqlState(fromServer(code))).toBe(expected);
});

test('errors of ours about connections are classified like those of the server', () => {
  expect(classifySqlState(new LamplighterError('CONNECTION_LOST', 'x'))).toBe('environment');
  expect(classifySqlState(new LamplighterError('CONNECTION_REFUSED', 'x'))).toBe('environment');
  expect(classifySqlState(new LamplighterError('TOO_MANY_CONNECTIONS', 'x'))).toBe('backpressure');
  expect(classifySqlState(new LamplighterError('USAGE', 'x'))).toBe('other');
});

test("Node's own codes are no SQLSTATE, though some are as long", () => {
  expect(sqlStateOf(Object.assign(new Error('x'), { code: 'EPIPE' }))).toBeUndefined();
  expect(sqlStateOf('42P01')).toBeUndefined();
  expect(classifySqlState(new Error('x'))).toBe('other');
});

test('a SQLSTATE is compared by name', () => {
  expect(isSqlState(fromServer('42P01'), 'undefinedTable')).toBe(true);
  expect(isSqlState(fromServer('42P02'), 'undefinedTable')).toBe(false);
});

test.each([
  [
    'a function of the schema that another one calls',
    false,
    [
      'PL/pgSQL function lamplighter.require_own_worker(uuid) line 8 at RAISE',
      'SQL statement "SELECT lamplighter.require_own_worker(p_worker_id)"',
      'PL/pgSQL function lamplighter.finish_requests(uuid,bigint[]) line 6 at PERFORM',
    ],
  ],
  [
    'the same on a German server',
    false,
    [
      'PL/pgSQL-Funktion lamplighter.require_own_worker(uuid) Zeile 8 bei RAISE',
      'PL/pgSQL-Funktion public.steadytext_prune(interval) Zeile 3 bei PERFORM',
    ],
  ],
  [
    "a user's trigger",
    true,
    [
      'PL/pgSQL function public.refuse() line 1 at RAISE',
      'SQL statement "update public.steadytext_queue"',
      'PL/pgSQL function lamplighter.finish_requests(uuid,bigint[]) line 6 at RETURN QUERY',
    ],
  ],
  [
    "a user's function with a name like ours",
    true,
    ['PL/pgSQL function my_lamplighter.refuse(lamplighter.claim) line 1'],
  ],
])('%s is told from code of the user', (_, expected, lines) => {
  expect(isAboutRows(Object.assign(fromServer('42501'), { where: lines.join('\n') }))).toBe(expected);
});
