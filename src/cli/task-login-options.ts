import { readFileSync, statSync } from 'node:fs';
import { platform } from '../core/env.ts';
import { LamplighterError, messageOf } from '../core/errors.ts';
import { type ConnectionSettings, directOf } from '../db/connection/connection-settings.ts';
import { parseRoleConnection } from '../db/connection/role-connection.ts';
import type { RoleLoginOptions } from '../tasks/role-logins.ts';
import { type CliOption, listOf, type OptionInput, textOf } from './cli-option.ts';

const TASK_ROLE: CliOption = {
  flag: 'task-role',
  argument: 'role=uri',
  isRepeatable: true,
  describes:
    'how to log in as this role to run its tasks; a superuser that is not the login of the worker needs this flag',
};
const TASK_ROLES: CliOption = {
  flag: 'task-roles',
  argument: 'file',
  describes: 'a file with one such connection string a line; the role is its user',
};
const TASK_PASSWORD_COMMAND: CliOption = {
  flag: 'task-password-command',
  argument: 'command',
  describes: 'prints the password of the role that is its last argument',
  defaultText: 'the passfile',
};

/** How a worker logs in as the roles of tasks. */
export const TASK_LOGIN_OPTIONS: readonly CliOption[] = [TASK_ROLE, TASK_ROLES, TASK_PASSWORD_COMMAND];

/**
 * The logins that flags and environment name for tasks.
 *
 * @throws LamplighterError CONFIG_INVALID for a string that cannot be understood, a role that is named twice, and a file that is not
 * there or that others may read.
 */
export function taskLoginsOf(input: OptionInput, worker: ConnectionSettings): RoleLoginOptions {
  const place = directOf(worker);
  const listed = new Map<string, ConnectionSettings>();
  const add = (role: string, settings: ConnectionSettings, origin: string) => {
    if (listed.has(role)) throw invalid(origin, `the role "${role}" is named twice`);
    listed.set(role, settings);
  };
  for (const text of listOf(input, TASK_ROLE)) {
    const origin = '--task-role';
    const equals = text.indexOf('=');
    const role = text.slice(0, Math.max(0, equals));
    if (role === '') throw invalid(origin, 'expected ROLE=URI, such as ann=postgresql://ann@host/database');
    add(role, parseRoleConnection(text.slice(equals + 1), { origin, role, place, env: input.env }), origin);
  }
  const file = textOf(input, TASK_ROLES);
  for (const [text, at] of file === undefined ? [] : readLines(file)) {
    const origin = `--task-roles, line ${at}`;
    const settings = parseRoleConnection(text, { origin, place, env: input.env });
    add(settings.user, settings, origin);
  }
  return { listed, passwordCommand: textOf(input, TASK_PASSWORD_COMMAND) };
}

/** The lines that are neither empty nor comments, with their numbers. */
function readLines(path: string): [string, number][] {
  const origin = '--task-roles';
  let text: string;
  try {
    if (platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw invalid(origin, `the file ${path} can be read by others; run: chmod 600 ${path}`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof LamplighterError) throw error;
    throw invalid(origin, `the file ${path} cannot be read: ${messageOf(error)}`);
  }
  return text
    .split(/\r?\n/)
    .map((line, i): [string, number] => [line.trim(), i + 1])
    .filter(([line]) => line !== '' && !line.startsWith('#'));
}

function invalid(origin: string, message: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${origin}: ${message}`);
}
