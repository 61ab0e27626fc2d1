import { expect, test } from 'vitest';
import { hasCode } from '../../core/errors.ts';
import { parseConnectionString } from './connection-string.ts';

const parse = (text: string) => Object.fromEntries(parseConnectionString(text, '--uri'));

test.each([
  ['postgres://', {}],
  ['postgresql://localhost', { host: 'localhost' }],
  ['postgres://bob@h:5433/db', { user: 'bob', host: 'h', port: '5433', dbname: 'db' }],
  ['postgres://bob:p%40ss%2Fword@h/db', { user: 'bob', password: 'p@ss/word', host: 'h', dbname: 'db' }],
  ['postgres://bob:p@ss@h/db', { user: 'bob', password: 'p@ss', host: 'h', dbname: 'db' }],
  ['postgres://bob:a:b@h/db', { user: 'bob', password: 'a:b', host: 'h', dbname: 'db' }],
  ['postgres://[::1]:5433/db', { host: '::1', port: '5433', dbname: 'db' }],
  ['postgres://a:1,b,c:3/db', { host: 'a,b,c', port: '1,,3', dbname: 'db' }],
  ['postgres:///db?host=/tmp&port=5433', { dbname: 'db', host: '/tmp', port: '5433' }],
  ['postgres://%2Ftmp/db', { host: '/tmp', dbname: 'db' }],
  ['postgres:///my%20db', { dbname: 'my db' }],
  [
    'postgres://h/db?sslmode=require&application_name=a%20b',
    { host: 'h', dbname: 'db', sslmode: 'require', application_name: 'a b' },
  ],
  ['postgres://h?dbname=db', { host: 'h', dbname: 'db' }],
  ['host=h dbname=db', { host: 'h', dbname: 'db' }],
  ["host = h password = 'it\\'s \\\\ here' user=''", { host: 'h', password: "it's \\ here", user: '' }],
  ['host=h password=a\\ b', { host: 'h', password: 'a b' }],
  ['dbname=db host=', { dbname: 'db', host: '' }],
])('%s', (text, expected) => {
  expect(parse(text)).toEqual(expected);
});

test.each([
  '',
  'my_database',
  'host=h garbage',
  "host='open",
  "a='x'y",
  'mysql://h/db',
  'jdbc:postgresql://h/db',
  'postgres://h:port/db',
  'postgres://u:100%@h/db',
  'postgres://h/db?sslmode',
  'postgres://u:a/b:c@h',
  'postgres://u:1/secret@h/db',
  'postgres://u:1?secret@h/db?sslmode=require',
  'postgres://u:@/secret@h/db',
])('"%s" is refused without being quoted', (text) => {
  let caught: unknown;
  try {
    parse(text);
  } catch (error) {
    caught = error;
  }
  expect(hasCode(caught, 'CONFIG_INVALID')).toBe(true);
  const message = caught instanceof Error ? caught.message : '';
  expect(message).toMatch(/^--uri: expected /);
  for (const secret of ['my_database', 'garbage', '100', 'a/b', 'secret']) expect(message).not.toContain(secret);
});
