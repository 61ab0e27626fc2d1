import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { createRoleLogins, runPasswordCommand } from './role-logins.ts';
import { classifyLoginError } from './task-login-error.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lamplighter-command-'));
  writeFileSync(
    join(folder, 'token'),
    '#!/bin/sh\necho "$@" >> "$(dirname "$0")/calls"\nprintf "token of %s\\nmore" "$2"\n',
  );
  chmodSync(join(folder, 'token'), 0o700);
});
afterAll(() => rmSync(folder, { recursive: true }));

const WORKER: ConnectionSettings = { host: 'h', port: 5432, database: 'd', user: 'wrk', password: 'own' };

test('the own role logs in with the own credentials, past the pooler; a listed one as listed; both are trusted', async () => {
  const direct: ConnectionSettings = { ...WORKER, port: 6543 };
  const ann: ConnectionSettings = { host: 'x', port: 1, database: 'd', user: 'ann' };
  const logins = createRoleLogins({ ...WORKER, direct }, { listed: new Map([['ann', ann]]) }, systemClock);
  expect(await logins.find('wrk')).toMatchObject({ settings: direct, isTrusted: true });
  expect(await logins.find('ann')).toMatchObject({ settings: ann, isTrusted: true });
  const bob = await logins.find('bob');
  expect(bob).toMatchObject({ settings: { host: 'h', port: 6543, user: 'bob' }, isTrusted: false });
  expect(bob.settings.password).toBeUndefined();
});

test('a password command is given the role as its last argument, and its first line is used until the server refuses it', async () => {
  const command = `${join(folder, 'token')} --user`;
  const logins = createRoleLogins(WORKER, { passwordCommand: command }, systemClock);
  const role = "ann'; $(touch oops) #";
  const login = await logins.find(role);
  expect(login.settings.password).toBe(`token of ${role}`);
  await logins.find(role);
  login.forget();
  await logins.find(role);
  expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe(`--user ${role}\n`.repeat(2));
});

test.each([
  ['echo no such vault >&2; exit 3; true', /failed: it ended with 3: no such vault\.$/, 'later'],
  ['true', /failed: it printed no password\.$/, 'refused'],
])('a password command that gives none is an error whose hint quotes what it said: %s', async (command, hint, kind) => {
  const error = await runPasswordCommand(command, 'ann').catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: 'AUTHENTICATION_FAILED',
    message: 'The password command gave no password for role "ann"',
    hint: expect.stringMatching(hint),
  });
  // What it asked may be there again soon, and what it wrote is nothing for callers.
  const trouble = classifyLoginError(error, 'ann');
  expect(trouble.kind).toBe(kind);
  expect(JSON.stringify(trouble)).not.toContain('vault');
});
