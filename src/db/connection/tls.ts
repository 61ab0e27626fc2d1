import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, rootCertificates } from 'node:tls';
import { type Env, homeFolder } from '../../core/env.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { Keywords } from './connection-keywords.ts';

/** libpq's modes, and `no-verify` as node programs know it: encrypted, whoever the server is. */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];
export type Encryption = 'tls' | 'plain';

/** How to encrypt: built by us, since the driver reads `sslmode` differently from libpq and from its own next major version. */
export interface TlsPlan {
  readonly mode: SslMode;
  readonly negotiation: 'postgres' | 'direct';
  readonly options: ConnectionOptions;
  /** `sslrootcert` as given: a path, or `system`. */
  readonly rootCertificate?: string;
}

/** Where Linux distributions keep the certificate authorities that `sslrootcert=system` means. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
  '/etc/ssl/ca-bundle.pem',
];

/**
 * What libpq does for `sslmode` and the `ssl*` files, with its defaults in `~/.postgresql`. `require` and weaker modes verify the
 * authority, not the name, as soon as a root certificate is there. One difference: `verify-full` without one trusts the system's
 * authorities, where libpq refuses.
 *
 * @param env undefined for a connection that somebody else asks for: nothing in the home folder is looked at.
 * @throws LamplighterError CONFIG_INVALID
 */
export function planTls(keywords: Keywords, env: Env | undefined, origin: string): TlsPlan {
  const folder = env === undefined ? undefined : join(homeFolder(env), '.postgresql');
  const root = keywords.sslrootcert ?? ifThere(folder, 'root.crt');
  const mode = readMode(keywords.sslmode ?? (root === 'system' ? 'verify-full' : 'prefer'), origin);
  if (root === 'system' && mode !== 'verify-full') {
    throw invalid(origin, `expected sslmode=verify-full with sslrootcert=system, got sslmode=${mode}`);
  }
  const negotiation = readNegotiation(keywords.sslnegotiation, mode, origin);
  const options: ConnectionOptions = {};
  if (mode === 'disable') return { mode, negotiation, options };

  const authorities = mode === 'no-verify' ? undefined : readAuthorities(root, mode, origin);
  options.rejectUnauthorized = authorities !== undefined;
  if (authorities !== undefined) options.ca = authorities;
  if (mode !== 'verify-full') options.checkServerIdentity = acceptAnyName;

  const certificate = keywords.sslcert ?? ifThere(folder, 'postgresql.crt');
  if (certificate !== undefined) {
    options.cert = readPem(certificate, 'sslcert', origin);
    options.key = readPem(keywords.sslkey ?? join(folder ?? '', 'postgresql.key'), 'sslkey', origin);
    if (keywords.sslpassword !== undefined) options.passphrase = keywords.sslpassword;
  }
  const [minVersion, maxVersion] = [keywords.ssl_min_protocol_version, keywords.ssl_max_protocol_version].map(
    (version) => readVersion(version, origin),
  );
  if (minVersion !== undefined) options.minVersion = minVersion;
  if (maxVersion !== undefined) options.maxVersion = maxVersion;
  return { mode, negotiation, options, ...(root === undefined ? {} : { rootCertificate: root }) };
}

/** The order in which encrypted and plain connections are tried; sockets are never encrypted. */
export function encryptionsToTry(tls: TlsPlan | undefined, host: string): readonly Encryption[] {
  if (tls === undefined || host.startsWith('/') || tls.mode === 'disable') return ['plain'];
  if (tls.mode === 'prefer') return ['tls', 'plain'];
  return tls.mode === 'allow' ? ['plain', 'tls'] : ['tls'];
}

function acceptAnyName(): undefined {
  return undefined;
}

function readMode(text: string, origin: string): SslMode {
  const mode = SSL_MODES.find((known) => known === text);
  if (mode !== undefined) return mode;
  throw invalid(
    origin,
    `expected sslmode to be one of ${SSL_MODES.join(', ')}, got "${text}"${didYouMean(text, SSL_MODES)}`,
  );
}

function readNegotiation(text: string | undefined, mode: SslMode, origin: string): 'postgres' | 'direct' {
  if (text === undefined || text === 'postgres') return 'postgres';
  if (text !== 'direct') throw invalid(origin, `expected sslnegotiation to be postgres or direct, got "${text}"`);
  if (mode === 'disable' || mode === 'allow' || mode === 'prefer') {
    throw invalid(origin, `expected sslmode=require or stronger with sslnegotiation=direct, got sslmode=${mode}`);
  }
  return text;
}

/** The authorities to trust; undefined means that the certificate is not verified. */
function readAuthorities(root: string | undefined, mode: SslMode, origin: string): string[] | undefined {
  const mustVerify = mode === 'verify-ca' || mode === 'verify-full';
  if (root === 'system' || (root === undefined && mode === 'verify-full')) return systemAuthorities();
  if (root !== undefined && existsSync(root)) return [readPem(root, 'sslrootcert', origin)];
  if (!mustVerify) return undefined;
  throw invalid(
    origin,
    `expected a root certificate for sslmode=${mode}, and ${root === undefined ? 'sslrootcert is not set' : `there is no file ${root}`}`,
  );
}

function systemAuthorities(): string[] {
  const bundle = SYSTEM_BUNDLES.find((path) => existsSync(path));
  return bundle === undefined ? [...rootCertificates] : [...rootCertificates, readFileSync(bundle, 'utf8')];
}

function readVersion(
  text: string | undefined,
  origin: string,
): 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | undefined {
  if (text === undefined) return undefined;
  const version = (['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const).find((known) => known === text);
  if (version === undefined) throw invalid(origin, `expected a TLS version such as TLSv1.2, got "${text}"`);
  return version;
}

function readPem(path: string, keyword: string, origin: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new LamplighterError('CONFIG_INVALID', `${origin}: ${keyword} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function ifThere(folder: string | undefined, file: string): string | undefined {
  if (folder === undefined) return undefined;
  const path = join(folder, file);
  return existsSync(path) ? path : undefined;
}

function invalid(origin: string, message: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${origin}: ${message}`);
}
