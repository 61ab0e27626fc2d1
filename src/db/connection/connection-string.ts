import { LamplighterError } from '../../core/errors.ts';

const EXPECTED = 'expected postgresql://user@host:5432/database or "host=... dbname=..."';

/**
 * The keyword and value pairs of a connection string in either of libpq's forms: a URI, with several hosts or a socket folder where
 * given, or `keyword=value` pairs. Values are decoded and not checked.
 *
 * @param origin - names the flag or variable in messages, which never quote the string: it may hold a password.
 * @throws LamplighterError CONFIG_INVALID
 */
export function parseConnectionString(text: string, origin: string): ReadonlyMap<string, string> {
  const scheme = /^\s*([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme === null) return parsePairs(text.trim(), origin);
  if (!/^postgres(ql)?$/i.test(scheme[1] ?? '')) {
    throw invalid(origin, `${EXPECTED}, got a URI that starts with ${scheme[0].trim()}`);
  }
  return parseUri(text.trim().slice(scheme[0].trim().length), origin);
}

function parseUri(text: string, origin: string): Map<string, string> {
  const [, authority = '', path = '', query = ''] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text) ?? [];
  const pairs = new Map<string, string>();
  const set = (keyword: string, value: string | undefined) => {
    if (value !== undefined && value !== '') pairs.set(keyword, decode(value, origin));
  };

  // The last @ ends the login: passwords hold an unencoded one more often than host names do.
  const at = authority.lastIndexOf('@');
  // What looks like the name of a database is most likely the rest of a password, which messages would show.
  if (path.includes('@')) throw badHostPart(origin);
  const login = authority.slice(0, Math.max(at, 0));
  const colon = login.indexOf(':');
  set('user', colon < 0 ? login : login.slice(0, colon));
  set('password', colon < 0 ? undefined : login.slice(colon + 1));

  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map((part) => parseHost(part, origin));
  set(
    'host',
    hosts
      .map(({ host }) => host)
      .join(',')
      .replace(/^,+$/, ''),
  );
  set(
    'port',
    hosts
      .map(({ port }) => port)
      .join(',')
      .replace(/^,+$/, ''),
  );
  set('dbname', path);
  for (const parameter of query.split('&').filter((part) => part !== '')) {
    const equals = parameter.indexOf('=');
    if (parameter.slice(0, equals).includes('@')) throw badHostPart(origin);
    if (equals < 1) throw invalid(origin, 'expected name=value after the question mark of the URI');
    set(decode(parameter.slice(0, equals), origin), parameter.slice(equals + 1));
  }
  return pairs;
}

function parseHost(text: string, origin: string): { host: string; port: string } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d*))?$/.exec(text);
  if (match === null) throw badHostPart(origin);
  return { host: match[1] ?? match[2] ?? '', port: match[3] ?? '' };
}

function badHostPart(origin: string): LamplighterError {
  return invalid(
    origin,
    `${EXPECTED}, got a host part that is not host:port (in a password, write / as %2F, ? as %3F and @ as %40)`,
  );
}

function decode(text: string, origin: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(origin, 'expected two hexadecimal digits after each % (a plain % is written %25)');
  }
}

/** `host=/tmp dbname = 'it\'s'`: quotes around a value are optional, a backslash escapes. */
function parsePairs(text: string, origin: string): Map<string, string> {
  const pattern = /\s*([A-Za-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)(?:[^\s\\]|\\.)*|(?=\s|$))(?=\s|$)/gsy;
  const pairs = new Map<string, string>();
  let end = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, keyword = '', raw = ''] = match;
    pairs.set(keyword, (raw.startsWith("'") ? raw.slice(1, -1) : raw).replace(/\\(.)/gs, '$1'));
    end = pattern.lastIndex;
  }
  if (end < text.length || pairs.size === 0) {
    throw invalid(origin, `${EXPECTED}, got ${text === '' ? 'an empty text' : 'something else'}`);
  }
  return pairs;
}

function invalid(origin: string, message: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${origin}: ${message}`);
}
