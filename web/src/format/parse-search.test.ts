import { expect, test } from 'vitest';
import { parseSearch } from './parse-search.ts';

const NAMES = ['id', 'function', 'role', 'error'];

test('a number or a uuid is an id', () => {
  expect(parseSearch('9007199254740993', NAMES)).toEqual({ id: '9007199254740993', error: '' });
  const uuid = '9e3779b9-7f4a-4c15-8a1f-000000001eef';
  expect(parseSearch(` ${uuid} `, NAMES)).toEqual({ id: uuid, error: '' });
});

test('other words are part of an error’s text', () => {
  expect(parseSearch('timed out', NAMES)).toEqual({ id: '', error: 'timed out' });
  expect(parseSearch('', NAMES)).toEqual({ id: '', error: '' });
});

test('a known name with a value sets that filter, and the rest is searched for', () => {
  expect(parseSearch('function:embed role:"my role" timed out', NAMES)).toEqual({
    id: '',
    error: 'timed out',
    function: 'embed',
    role: 'my role',
  });
});

test('what only looks like a filter is searched for', () => {
  expect(parseSearch('http://10.0.0.12:8000', NAMES)).toEqual({ id: '', error: 'http://10.0.0.12:8000' });
});
