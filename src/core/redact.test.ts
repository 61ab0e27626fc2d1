import { expect, test } from 'vitest';
import { redact } from './redact.ts';

const SECRET = 'hunter2';

test.each([
  `postgres://bob:${SECRET}@host/db`,
  `connect to postgresql://bob:p@ss/${SECRET}@host:5432/db failed`,
  `host=a password=${SECRET} dbname=b`,
  `host=a password='it\\'s ${SECRET}' dbname=b`,
  `password = 'left open ${SECRET}`,
  `PGPASSWORD=${SECRET} psql`,
  `postgres:///db?user=a&password=${SECRET}&x=1`,
  JSON.stringify({ a: { password: SECRET } }),
  JSON.stringify({ sslPassword: `with "${SECRET}"` }),
  JSON.stringify({ OPENAI_API_KEY: SECRET, authorization: `Bearer ${SECRET}` }),
  JSON.stringify({ uri: `postgres://u:${SECRET}@h` }),
  JSON.stringify({ dsn: `password='it\\'s ${SECRET}'` }),
  JSON.stringify({ err: new Error('x').stack, message: `bad uri "postgres://u:${SECRET}@h"` }),
])('%s', (text) => {
  expect(redact(text)).not.toContain(SECRET);
});

test('what is no secret stays, and serialised JSON stays JSON', () => {
  const line = JSON.stringify({
    msg: 'password authentication failed for user "bob"',
    uri: 'postgres://bob:x@host/db',
    n: 1,
  });
  expect(JSON.parse(redact(line))).toEqual({
    msg: 'password authentication failed for user "bob"',
    uri: 'postgres://bob:[redacted]@host/db',
    n: 1,
  });
  expect(redact('GET https://example.com:8080/a?b=c took 3 ms')).toBe('GET https://example.com:8080/a?b=c took 3 ms');
});
