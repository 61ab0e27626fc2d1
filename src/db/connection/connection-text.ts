import type { ConnectionSettings, HostAddress } from './connection-settings.ts';

/** `user@host:port/database` for people: never a password; several hosts are separated by commas, a socket folder is in brackets. */
export function describeConnection(settings: ConnectionSettings): string {
  const hosts = [settings, ...(settings.fallbackHosts ?? [])].map(describeHost).join(',');
  return `${settings.user}@${hosts}/${settings.database}`;
}

/** `host:port` for people. */
export function describeHost({ host, port }: HostAddress): string {
  return host.includes(':') || host.startsWith('/') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * libpq's `host='...' dbname='...'` form with every value quoted, **password included**: for dblink, never for a log. Files of this host
 * (`sslrootcert`, `sslcert`) are left out, as it is the server that will read the text.
 */
export function toKeywordValueDsn(settings: ConnectionSettings): string {
  const addresses = [settings, ...(settings.fallbackHosts ?? [])];
  const pairs: [string, string | undefined][] = [
    ['host', addresses.map(({ host }) => host).join(',')],
    [
      'hostaddr',
      addresses.some(({ hostaddr }) => hostaddr !== undefined)
        ? addresses.map(({ hostaddr }) => hostaddr ?? '').join(',')
        : undefined,
    ],
    ['port', addresses.map(({ port }) => port).join(',')],
    ['dbname', settings.database],
    ['user', settings.user],
    ['password', settings.password],
    ['sslmode', settings.tls?.mode === 'no-verify' ? 'require' : (settings.tls?.mode ?? 'disable')],
    ['sslrootcert', settings.tls?.rootCertificate === 'system' ? 'system' : undefined],
    ['channel_binding', settings.mustBindChannel === true ? 'require' : undefined],
    ['target_session_attrs', settings.targetSession === 'any' ? undefined : settings.targetSession],
    ['connect_timeout', String(Math.ceil((settings.connectTimeoutMs ?? 10_000) / 1_000))],
  ];
  return pairs
    .filter((pair): pair is [string, string] => pair[1] !== undefined)
    .map(([keyword, value]) => `${keyword}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
}
