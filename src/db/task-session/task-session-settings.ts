import type { HostAddress } from '../connection/connection-settings.ts';
import { describeHost } from '../connection/connection-text.ts';
import { sqlStateOf } from '../sqlstate.ts';

interface TaskSetting {
  readonly name: string;
  readonly value: string;
  /** The first `server_version_num` that knows it. @default all that are supported */
  readonly since?: number;
}

/**
 * What every session of a task runs with. In the startup packet they are what RESET ALL and DISCARD ALL go back to, in place of what the
 * role or the database says. The first makes a backend end within a second of its client, the next four when the network is gone.
 */
const TASK_SETTINGS: readonly TaskSetting[] = [
  { name: 'client_connection_check_interval', value: '1000' },
  { name: 'tcp_keepalives_idle', value: '15' },
  { name: 'tcp_keepalives_interval', value: '5' },
  { name: 'tcp_keepalives_count', value: '3' },
  { name: 'tcp_user_timeout', value: '30000' },
  { name: 'statement_timeout', value: '0' },
  { name: 'lock_timeout', value: '0' },
  { name: 'idle_in_transaction_session_timeout', value: '0' },
  { name: 'idle_session_timeout', value: '0' },
  { name: 'transaction_timeout', value: '0', since: 170_000 },
  // Otherwise the session would be gone when a text turns out to need no transaction.
  { name: 'exit_on_error', value: 'off' },
];

/** A setting that the server does not know, or has no support for, or lets nobody change. */
const SETTING_REFUSED = new Set(['42704', '22023', '42501']);
/** What stands in front of the server, or the server, takes no settings at login at all. */
const OPTIONS_REFUSED = new Set(['08P01', '0A000']);

/** Names that each server refused at login, kept for the life of the process: as many entries as there are servers. */
const refusedByAddress = new Map<string, Set<string>>();

function refusedBy(address: HostAddress): Set<string> {
  const key = describeHost(address);
  const known = refusedByAddress.get(key) ?? new Set();
  refusedByAddress.set(key, known);
  return known;
}

/** The settings that a login to that server can ask for. */
export function acceptedSettings(address: HostAddress): readonly TaskSetting[] {
  const refused = refusedBy(address);
  return TASK_SETTINGS.filter(({ name }) => !refused.has(name));
}

/** The ones to be set after the login, for what that is worth: a server may take by SET what it refused before. */
export function settingsToSet(address: HostAddress, serverVersion: number): readonly TaskSetting[] {
  const refused = refusedBy(address);
  return TASK_SETTINGS.filter(({ name, since = 0 }) => refused.has(name) && serverVersion >= since);
}

/** The settings as the startup packet wants them; undefined for none. */
export function toStartupOptions(settings: readonly TaskSetting[]): string | undefined {
  if (settings.length === 0) return undefined;
  return settings.map(({ name, value }) => `-c ${name}=${value}`).join(' ');
}

/**
 * Notes which of the settings that a failed login had asked for the server refused, perhaps once more, as several log in at a time; false
 * when it failed for another reason, so that the next one would as well.
 */
export function noteRefusal(address: HostAddress, asked: readonly TaskSetting[], error: unknown): boolean {
  const state = sqlStateOf(error) ?? '';
  // Messages are in the server's language; the name in them is not.
  const isNamed = ({ name }: TaskSetting) => error instanceof Error && error.message.includes(`"${name}"`);
  const refused = OPTIONS_REFUSED.has(state) ? asked : SETTING_REFUSED.has(state) ? asked.filter(isNamed) : [];
  for (const { name } of refused) refusedBy(address).add(name);
  return refused.length > 0;
}
