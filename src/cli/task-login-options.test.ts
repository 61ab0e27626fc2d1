import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { taskLoginsOf } from './task-login-options.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lamplighter-task-roles-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const WORKER = { host: 'h', port: 5432, database: 'd', user: 'wrk', password: 'own' };
const read = (flags: Record<string, string | string[]>, env = {}) => taskLoginsOf({ flags, env }, WORKER);
function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('a role ends at the first equals sign, and each line of a file names its role as its user', () => {
  const file = write('roles', '# for the nightly jobs\n\npostgres://bob:b@/\nuser=odd=name password=p host=x\n');
  const { listed, passwordCommand } = read({
    taskRole: ['ann=postgres://ann:secret@h2/e?sslmode=require', 'svc=host=h3 user=other'],
    taskRoles: file,
    taskPasswordCommand: 'token',
  });
  expect(Object.fromEntries(listed ?? [])).toMatchObject({
    ann: { host: 'h2', database: 'e', user: 'ann', password: 'secret' },
    svc: { host: 'h3', database: 'd', user: 'other' },
    bob: { host: 'h', database: 'd', user: 'bob', password: 'b' },
    'odd=name': { host: 'x', user: 'odd=name' },
  });
  expect(passwordCommand).toBe('token');
});

test('nothing named lists nobody', () => {
  expect(read({})).toEqual({ listed: new Map(), passwordCommand: undefined });
});

test.each([
  ['=postgres://ann@h/d', /^--task-role: expected ROLE=URI/],
  ['ann', /^--task-role: expected ROLE=URI/],
  ['ann=mysql://ann:secret@h/d', /^--task-role: expected postgresql:\/\/(?!.*secret)/],
])('%s is refused without being quoted', (text, message) => {
  expect(() => read({ taskRole: [text] })).toThrow(message);
});

test('a role that is named twice, a file that is not there and one that others may read are refused', () => {
  const file = write('twice', 'postgres://ann@h/d');
  expect(() => read({ taskRole: ['ann=host=h'], taskRoles: file })).toThrow(
    '--task-roles, line 1: the role "ann" is named twice',
  );
  expect(() => read({ taskRoles: join(folder, 'none') })).toThrow('cannot be read');
  expect(() => read({ taskRoles: write('open', 'postgres://ann@h/d', 0o644) })).toThrow('chmod 600');
});
