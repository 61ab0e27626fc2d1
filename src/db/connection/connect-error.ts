import { isLamplighterError, LamplighterError, messageOf } from '../../core/errors.ts';
import { SQLSTATE, sqlStateOf } from '../sqlstate.ts';
import type { ConnectionSettings, HostAddress } from './connection-settings.ts';
import { describeHost } from './connection-text.ts';

/** The driver has no code for these two; the text is pinned by a test against a server without TLS. */
const NO_TLS_MESSAGES = [
  'The server does not support SSL connections',
  'There was an error establishing an SSL connection',
];
const TLS_CODE =
  /^(ERR_(TLS|SSL|OSSL)_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERROR_IN_C|INVALID_(CA|PURPOSE)$|PATH_LENGTH|HOSTNAME_MISMATCH|EPROTO$)/;

type Wording = (error: unknown, settings: ConnectionSettings, place: string) => LamplighterError;

/** An error for people about a session that could not be opened: what was tried, why it failed, what to do; the cause is kept. */
export function toConnectError(error: unknown, settings: ConnectionSettings, address: HostAddress): LamplighterError {
  if (isLamplighterError(error)) return error;
  const place = describeHost(address);
  if (sqlStateOf(error) !== undefined) return fromServer(error, settings, address);
  if (isTlsTrouble(error)) return fromTls(error, settings, place);
  return fromNetwork(error, settings, place);
}

/** True for a server without TLS, and for a certificate or handshake that failed. */
export function isTlsTrouble(error: unknown): boolean {
  return isTlsNotOffered(error) || TLS_CODE.test(codeOf(error));
}

/** True when the server answered that it does not encrypt at all. */
export function isTlsNotOffered(error: unknown): boolean {
  return NO_TLS_MESSAGES.includes(messageOf(error));
}

function fromServer(error: unknown, settings: ConnectionSettings, address: HostAddress): LamplighterError {
  const { user, database } = settings;
  const place = describeHost(address);
  const said = messageOf(error);
  const fail = (code: LamplighterError['code'], message: string, hint?: string) =>
    new LamplighterError(code, message, { cause: error, hint });
  const state: string = sqlStateOf(error) ?? '';
  switch (state) {
    case SQLSTATE.invalidPassword:
      return fail(
        'AUTHENTICATION_FAILED',
        `The server at ${place} did not accept the password of role "${user}" (${describePasswordOrigin(settings, address)})`,
        'Correct the password, or the role name if that is what is wrong: the server does not say which.',
      );
    case SQLSTATE.invalidAuthorizationSpecification:
      return fail(
        'AUTHENTICATION_FAILED',
        `The server at ${place} does not let role "${user}" in: ${said}`,
        'Check that the role exists and may log in, and that pg_hba.conf admits it from here.',
      );
    case SQLSTATE.invalidCatalogName:
      return fail(
        'DATABASE_NOT_FOUND',
        `The server at ${place} has no database "${database}"`,
        `Create it (createdb ${database}), or correct the name.`,
      );
    case SQLSTATE.insufficientPrivilege:
      return fail(
        'PERMISSION_DENIED',
        `Role "${user}" may not connect to database "${database}" at ${place}: ${said}`,
        'Grant it CONNECT.',
      );
    case SQLSTATE.tooManyConnections:
      return fail(
        'TOO_MANY_CONNECTIONS',
        `The server at ${place} has no connection left: ${said}`,
        'Close some, lower --max-connections, or raise the limit.',
      );
    default:
      return fail('CONNECTION_REFUSED', `The server at ${place} refused the connection: ${said}`);
  }
}

const fromTls: Wording = (error, settings, place) => {
  const mode = settings.tls?.mode ?? 'disable';
  const fail = (message: string, hint: string) => new LamplighterError('TLS_FAILED', message, { cause: error, hint });
  if (isTlsNotOffered(error)) {
    return fail(
      `The server at ${place} does not offer encrypted connections, and sslmode=${mode} demands one`,
      'Turn on ssl in the server, or use sslmode=prefer where the network is trusted.',
    );
  }
  if (codeOf(error) === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return fail(
      `The certificate of the server at ${place} is for another name: ${messageOf(error)}`,
      'Connect by a name in the certificate, or use sslmode=verify-ca with a root certificate of your own.',
    );
  }
  if (codeOf(error) === 'CERT_HAS_EXPIRED') {
    return fail(
      `The certificate of the server at ${place}, or of the authority that signed it, has expired`,
      'Ask whoever runs the server for one that is valid, and check the clock of this machine.',
    );
  }
  if (codeOf(error) === 'CERT_NOT_YET_VALID') {
    return fail(
      `The certificate of the server at ${place} is not valid yet: ${messageOf(error)}`,
      'Check the clock of this machine; if it is right, ask whoever runs the server.',
    );
  }
  return fail(
    `No encrypted connection to ${place} with sslmode=${mode}: ${messageOf(error)}`,
    "Point sslrootcert at the certificate of the authority that signed the server's, or set sslrootcert=system for a public one.",
  );
};

const fromNetwork: Wording = (error, settings, place) => {
  const fail = (message: string, hint?: string) =>
    settings.origin === 'default'
      ? new LamplighterError(
          'CONNECTION_REFUSED',
          `No database was named, and there is none by default: ${lowerFirst(message)}`,
          {
            cause: error,
            hint: 'Name one with --uri, DATABASE_URL or PGHOST; "lamplighter up" starts one.',
          },
        )
      : new LamplighterError('CONNECTION_REFUSED', message, { cause: error, hint });
  const running = 'Check that PostgreSQL runs there and that host and port are right.';
  const code = codeOf(error);
  switch (code) {
    case 'ECONNREFUSED':
      return fail(`Nothing listens at ${place}`, running);
    case 'ENOENT':
      return fail(`There is no server socket at ${place}`, running);
    case 'EACCES':
      return fail(`This user may not use the server socket at ${place}`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail(`The host name in ${place} does not resolve`, 'Check the name and the DNS of this machine.');
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return fail(`No way to ${place} (${code})`, 'Check the address, and whether a firewall is in between.');
    default:
      return fail(
        `The connection to ${place} broke before the login was over: ${messageOf(error)}`,
        'Check that it is PostgreSQL that listens there.',
      );
  }
};

function describePasswordOrigin(settings: ConnectionSettings, address: HostAddress): string {
  return address.password === undefined ? 'none was given' : `from ${settings.passwordOrigin ?? 'the settings'}`;
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
