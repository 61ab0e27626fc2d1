import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cast, createCast, ROLES } from './cast.ts';
import { type Attempt, expectMarks, LIST_ATTEMPTS, PROBE, parsePrivileges, tryAll } from './privilege-table.ts';
import { PRIVILEGES } from './privileges.ts';

let cast: Cast;
beforeAll(async () => {
  cast = await createCast();
  await cast.database.pool.query(PROBE);
});
afterAll(() => cast[Symbol.asyncDispose]());

test('each role may do with each object what the table of privileges says, and nothing else', async () => {
  const { rows: attempts } = await cast.database.pool.query<Attempt>(LIST_ATTEMPTS);
  const expected = expectMarks(parsePrivileges(PRIVILEGES), attempts);

  const actual = new Map(attempts.map(({ object, action }) => [`${object} ${action}`, '']));
  for (const role of ROLES) {
    const outcomes = await tryAll(cast.sessions[role], attempts);
    attempts.forEach(({ object, action }, index) => {
      const key = `${object} ${action}`;
      actual.set(key, `${actual.get(key)}${outcomes[index] === true ? '+' : '.'}`);
    });
  }

  expect(attempts.length).toBe(expected.size);
  expect(Object.fromEntries(actual)).toEqual(Object.fromEntries(expected));
});
