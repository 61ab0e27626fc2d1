import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES, hasCode, LamplighterError, messageOf } from './errors.ts';

test('the reference has one row per code and no other', () => {
  const reference = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
  const rows = [...reference.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(rows).toEqual([...ERROR_CODES]);
});

test('codes are in alphabetical order without repetition', () => {
  expect([...ERROR_CODES]).toEqual([...new Set(ERROR_CODES)].sort());
});

test('an error keeps its cause and hint', () => {
  const cause = new Error('below');
  const error = new LamplighterError('CONNECTION_LOST', 'gone', { cause, hint: 'wait' });
  expect(error).toMatchObject({ code: 'CONNECTION_LOST', cause, hint: 'wait' });
});

test('an error of another copy of the package is recognised by its code', () => {
  const foreign = Object.assign(new Error('full'), { name: 'LamplighterError', code: 'QUEUE_FULL' });
  expect(hasCode(foreign, 'QUEUE_FULL')).toBe(true);
  expect(hasCode(Object.assign(new Error('no'), { code: 'QUEUE_FULL' }), 'QUEUE_FULL')).toBe(false);
});

test('anything thrown has a text', () => {
  expect(messageOf('plain')).toBe('plain');
  expect(messageOf(new Error('x'))).toBe('x');
});
