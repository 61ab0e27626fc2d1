import { isLamplighterError, messageOf } from '../core/errors.ts';
import { sqlStateOf } from '../db/sqlstate.ts';
import { isCommandFailure } from './role-logins.ts';

/**
 * Why no session could be had for a task. `refused`: the worker may not run it, so the task fails with that text; `later`: the server, or a
 * limit, is in the way for now, and the reason is for people.
 */
export type TaskLoginTrouble =
  | { readonly kind: 'refused'; readonly errorMessage: string }
  | { readonly kind: 'later'; readonly reason: string };

const REFUSALS = ['AUTHENTICATION_FAILED', 'DATABASE_NOT_FOUND', 'PERMISSION_DENIED', 'TLS_FAILED', 'CONFIG_INVALID'];
/** The server's function that counts the sessions of a role at login. */
const ROLE_LIMIT_ROUTINE = 'InitializeSessionUserId';

/** What a failed login as `role` means for its task. */
export function classifyLoginError(error: unknown, role: string): TaskLoginTrouble {
  if (!isLamplighterError(error)) return { kind: 'later', reason: `no session as ${quote(role)}: ${oneLine(error)}` };
  if (REFUSALS.includes(error.code) && !isCommandFailure(error)) return refuseLogin(role, saidBy(error));
  if (error.code === 'TOO_MANY_CONNECTIONS') {
    const isOfRole = routineOf(error.cause) === ROLE_LIMIT_ROUTINE;
    const limit = isOfRole
      ? `the connection limit of role ${quote(role)} is reached`
      : 'the server has no connection left';
    return { kind: 'later', reason: limit };
  }
  return { kind: 'later', reason: `no session as ${quote(role)}: ${oneLine(error)}` };
}

/** The end of a task as whose role the worker cannot log in, or may not. */
export function refuseLogin(role: string, why: string, hint: string = configureHint(role)): TaskLoginTrouble {
  return { kind: 'refused', errorMessage: `connection failed: ${why}\nHINT:  ${hint}\n` };
}

function configureHint(role: string): string {
  return (
    `Let the worker log in as ${quote(role)}: a line in its passfile, --task-role '${role}=URI', --task-roles or --task-password-command, ` +
    'or peer, certificate or trust in pg_hba.conf.'
  );
}

/** The server's own words where it has said anything: ours name files of the worker's host, which are not its callers' business. */
function saidBy(error: Error): string {
  const { cause } = error;
  return sqlStateOf(cause) === undefined ? oneLine(error) : `FATAL:  ${messageOf(cause)}`;
}

function routineOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const fields: unknown = 'fields' in error ? error.fields : error;
  if (typeof fields !== 'object' || fields === null || !('routine' in fields)) return undefined;
  return typeof fields.routine === 'string' ? fields.routine : undefined;
}

function oneLine(error: unknown): string {
  return messageOf(error)
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
}

const quote = (role: string) => `"${role}"`;
