import { execFile } from 'node:child_process';
import type { Clock } from '../core/clock.ts';
import { platform } from '../core/env.ts';
import { LamplighterError } from '../core/errors.ts';
import { type ConnectionSettings, directOf } from '../db/connection/connection-settings.ts';
import { settingsForRole } from '../db/connection/role-connection.ts';

/** How long a password that a command printed is used again: cloud tokens last 15 minutes. */
const PASSWORD_LIFE_MS = 300_000;
const MOST_PASSWORDS = 1_000;

export interface RoleLoginOptions {
  /** The role that the worker is logged in as. @default the user of its connection */
  readonly ownRole?: string;
  /** Logins of single roles; they are served whatever their attributes. @default none */
  readonly listed?: ReadonlyMap<string, ConnectionSettings>;
  /** Prints the password of the role that is its last argument. @default the passfile decides */
  readonly passwordCommand?: string | undefined;
}

export interface RoleLogin {
  readonly settings: ConnectionSettings;
  /** The worker's own login, or one that was listed: served even when the role is a superuser, replicates or bypasses row security. */
  readonly isTrusted: boolean;
  /** Forgets a password that a command printed, as the server has refused it. */
  forget(): void;
}

/** The credentials with which tasks of a role log in. */
export interface RoleLogins {
  /** @throws LamplighterError AUTHENTICATION_FAILED when the password command fails. */
  find(role: string, signal?: AbortSignal): Promise<RoleLogin>;
}

/**
 * A role that is listed logs in as listed; the worker's own role with the worker's credentials; any other at the same place as libpq
 * would: with a password of the command or the passfile, a client certificate, or none (peer, trust).
 */
export function createRoleLogins(worker: ConnectionSettings, options: RoleLoginOptions, clock: Clock): RoleLogins {
  const place = directOf(worker);
  const { ownRole = place.user, listed = new Map<string, ConnectionSettings>(), passwordCommand } = options;
  const passwords = new Map<string, { readonly text: string; readonly sinceMs: number }>();

  async function passwordOf(role: string, signal?: AbortSignal): Promise<string | undefined> {
    if (passwordCommand === undefined) return undefined;
    const known = passwords.get(role);
    if (known !== undefined && clock.nowMs() - known.sinceMs < PASSWORD_LIFE_MS) return known.text;
    const sinceMs = clock.nowMs();
    const text = await runPasswordCommand(passwordCommand, role, signal);
    if (passwords.size >= MOST_PASSWORDS) passwords.clear();
    passwords.set(role, { text, sinceMs });
    return text;
  }

  return {
    async find(role, signal) {
      const settings = listed.get(role) ?? (role === ownRole ? place : undefined);
      if (settings !== undefined) return { settings, isTrusted: true, forget: () => undefined };
      return {
        settings: settingsForRole(place, role, await passwordOf(role, signal)),
        isTrusted: false,
        forget: () => passwords.delete(role),
      };
    },
  };
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 1_048_576;

/**
 * The password that a command prints for a role, as its first line: the command is given the role as its last argument, never as part of a
 * shell's text. On Windows it is one program without arguments of its own.
 *
 * @throws LamplighterError AUTHENTICATION_FAILED when the command fails or takes more than 30 s, which may pass, and when it prints nothing;
 * what it wrote to standard error is in the hint, as it is no business of callers, and what it printed is nowhere.
 */
export async function runPasswordCommand(command: string, role: string, signal?: AbortSignal): Promise<string> {
  const [file, args] = platform === 'win32' ? [command, [role]] : ['/bin/sh', ['-c', `${command} "$@"`, command, role]];
  const printed = await new Promise<string>((resolve, reject) => {
    execFile(
      file,
      args,
      { timeout: TIMEOUT_MS, maxBuffer: MAX_BYTES, encoding: 'utf8', ...(signal === undefined ? {} : { signal }) },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(failed(role, reasonOf(error, stderr), error));
      },
    );
  });
  const [password = ''] = printed.split(/\r?\n/, 1);
  if (password === '') throw failed(role, 'it printed no password');
  return password;
}

function reasonOf(error: Error & { readonly killed?: boolean; readonly code?: unknown }, stderr: string): string {
  if (error.killed === true) return `it did not end within ${TIMEOUT_MS / 1_000} s`;
  const said = stderr
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, 500);
  return `it ended with ${String(error.code ?? 'an error')}${said === '' ? '' : `: ${said}`}`;
}

function failed(role: string, reason: string, cause?: unknown): LamplighterError {
  return new LamplighterError('AUTHENTICATION_FAILED', `The password command gave no password for role "${role}"`, {
    cause,
    hint: `When run with the role as its last argument, the command of --task-password-command failed: ${reason}.`,
  });
}

/** True where the password command itself failed, perhaps as what it asks was not there; not where it says that there is no password. */
export function isCommandFailure(error: Error): boolean {
  // As Node has it of a process.
  return error.cause instanceof Error && 'cmd' in error.cause;
}
