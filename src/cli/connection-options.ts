import { type ConnectionSettings, resolveConnection } from '../db/connection/connection-settings.ts';
import type { ConnectionFlags } from '../db/connection/connection-source.ts';
import type { Invocation } from './cli-command.ts';
import type { CliOption, OptionInput } from './cli-option.ts';

/** Every command that connects has these options. */
export const CONNECTION_OPTIONS: readonly CliOption[] = [
  {
    flag: 'uri',
    short: 'u',
    argument: 'uri',
    describes: 'the database, as postgresql://role@host:port/name or as keyword=value pairs',
    defaultText: 'DATABASE_URL, then PG* variables',
  },
  { flag: 'db-host', argument: 'host', describes: 'host of the server, or the folder of its socket' },
  { flag: 'db-port', argument: 'port', describes: 'port of the server', defaultText: '5432' },
  { flag: 'db-name', argument: 'name', describes: 'name of the database', defaultText: 'the role' },
  { flag: 'db-user', argument: 'role', describes: 'role to log in as', defaultText: 'PGUSER, then your login name' },
  {
    flag: 'direct-uri',
    argument: 'uri',
    describes: 'the same database past a transaction pooler, for listening and migrating',
    defaultText:
      'LAMPLIGHTER_DIRECT_URL; with DATABASE_URL also DATABASE_URL_UNPOOLED, DIRECT_DATABASE_URL, DIRECT_URL',
  },
];

/** The flags that name a connection, as the resolver takes them. */
export function connectionFlags({ flags }: OptionInput): ConnectionFlags {
  const text = (name: string) => {
    const flag = flags[name];
    return typeof flag === 'string' ? flag : undefined;
  };
  return {
    uri: text('uri'),
    dbHost: text('dbHost'),
    dbPort: text('dbPort'),
    dbName: text('dbName'),
    dbUser: text('dbUser'),
    directUri: text('directUri'),
  };
}

/** The connection that flags and environment ask for; what was asked for and cannot be heeded is logged. */
export function connectionOf(invocation: Invocation): ConnectionSettings {
  const settings = resolveConnection(connectionFlags(invocation), invocation.env);
  for (const warning of settings.warnings ?? []) invocation.log.warn(warning);
  return settings;
}
