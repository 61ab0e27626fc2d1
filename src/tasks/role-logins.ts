import type { Clock } from '../core/clock.ts';
import { type ConnectionSettings, directOf } from '../db/connection-settings.ts';
import { settingsForRole } from '../db/role-connection.ts';
import { runPasswordCommand } from './password-command.ts';

/** How long a password that a command printed is used again: cloud tokens last 15 minutes. */
const PASSWORD_LIFE_MS = 300_000;
const MOST_PASSWORDS = 1_000;

export interface RoleLoginOptions {
  /** As whom the worker is logged in. @default the user of its connection */
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

/** With which credentials tasks of a role log in. */
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
