import { fullLanguage, type Language } from '../../regex/language.ts';

/** RFC 3339, section 5.6, with the 29th of February in leap years only. */
const DATE =
  '\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))' +
  '|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29';

/** A time with a time zone, upper case, at most nine digits of a second. */
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)';

const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';

const IPV4 = `${BYTE}(?:\\.${BYTE}){3}`;

const HEX = '[0-9A-Fa-f]';

const GROUP = `${HEX}{1,4}`;

/** RFC 4291, section 2.2: eight groups, the last two also as bytes; or as many as `::` leaves out at least one of. */
const IPV6 = [
  `(?:${GROUP}:){6}(?:${GROUP}:${GROUP}|${BYTE}(?:\\.${BYTE}){3})`,
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((before) => {
    const begin = before === 0 ? '::' : `${GROUP}(?::${GROUP}){${before - 1}}::`;
    const groups = before < 7 ? `(?:${GROUP}(?::${GROUP}){0,${6 - before}})?` : '';
    return before < 6 ? `${begin}(?:${groups}|(?:${GROUP}:){0,${5 - before}}${BYTE}(?:\\.${BYTE}){3})` : begin + groups;
  }),
].join('|');

/** A part of a host name: no hyphen at either end. */
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';

const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}";

/** A character of a path. */
const URI_CHARACTER = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})";

const URI_USER = "(?:(?:[A-Za-z0-9\\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?";

const URI_AUTHORITY = `${URI_USER}[A-Za-z0-9\\-._~]{1,253}(?::\\d{1,5})?`;

const DURATION_TIME = 'T(?:\\d{1,9}H(?:\\d{1,9}M)?(?:\\d{1,9}S)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S)';

const PATTERNS: ReadonlyMap<string, string> = new Map([
  ['date', DATE],
  ['date-time', `(?:${DATE})T${TIME}`],
  [
    'duration',
    `P(?:\\d{1,9}W|${DURATION_TIME}` +
      `|(?:\\d{1,9}Y(?:\\d{1,9}M)?(?:\\d{1,9}D)?|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}D)(?:${DURATION_TIME})?)`,
  ],
  ['email', `${ATOM}(?:\\.${ATOM}){0,3}@${LABEL}(?:\\.${LABEL}){1,3}`],
  ['hostname', `${LABEL}(?:\\.${LABEL}){0,3}`],
  ['ipv4', IPV4],
  ['ipv6', IPV6],
  ['json-pointer', '(?:/(?:[^~/]|~[01])*)*'],
  ['time', TIME],
  [
    'uri',
    `(?:file:///${URI_CHARACTER}*(?:/${URI_CHARACTER}*)*|[A-Za-z][A-Za-z0-9+\\-.]{0,20}:(?://${URI_AUTHORITY}(?:/${URI_CHARACTER}*)*|/?${URI_CHARACTER}+(?:/${URI_CHARACTER}*)*))` +
      `(?:\\?(?:${URI_CHARACTER}|[/?])*)?(?:#(?:${URI_CHARACTER}|[/?])*)?`,
  ],
  ['uuid', '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'],
]);

const PREFIX_4 = '/(?:3[0-2]|[12]?\\d)';

const PREFIX_6 = '/(?:12[0-8]|1[01]\\d|[1-9]?\\d)';

const BASE64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?';

/** Formats outside the standard that libraries write. This table defines them for grammar and check. */
const OWN_PATTERNS: ReadonlyMap<string, string> = new Map([
  ['base64', BASE64],
  ['base64url', '(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?'],
  ['byte', BASE64],
  ['ipv4interface', `${IPV4}(?:${PREFIX_4})?`],
  ['ipv4network', `${IPV4}(?:${PREFIX_4})?`],
  ['ipv6interface', `(?:${IPV6})(?:${PREFIX_6})?`],
  ['ipv6network', `(?:${IPV6})(?:${PREFIX_6})?`],
  ['ipvanyaddress', `${IPV4}|${IPV6}`],
  ['ipvanyinterface', `${IPV4}(?:${PREFIX_4})?|(?:${IPV6})(?:${PREFIX_6})?`],
  ['ipvanynetwork', `${IPV4}(?:${PREFIX_4})?|(?:${IPV6})(?:${PREFIX_6})?`],
  ['jwt', '[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*'],
  ...[1, 3, 4, 5, 6, 7, 8].map(
    (version) => [`uuid${version}`, `${HEX}{8}-${HEX}{4}-${version}${HEX}{3}-[89ABab]${HEX}{3}-${HEX}{12}`] as const,
  ),
]);

/** Formats that ajv checks. */
export const STANDARD_FORMATS: readonly string[] = [...PATTERNS.keys(), 'uri-reference'];

/** Formats that are a language here, for grammar and check alike. */
export const OWN_FORMATS: readonly string[] = [...OWN_PATTERNS.keys()];

const ENFORCED: ReadonlySet<string> = new Set([...STANDARD_FORMATS, ...OWN_FORMATS]);

/** False for an unknown format, which by the standard has no effect on validity. */
export function isEnforced(format: string): boolean {
  return ENFORCED.has(format);
}

const languages = new Map<string, Language>();

/**
 * The texts of a format that the grammar offers; undefined where only the check knows. All of them are of the
 * format. Left out is what few write: leap seconds, IP addresses in brackets, more than three dots beside
 * the `@`, `urn:uuid:`.
 */
export function formatLanguage(format: string): Language | undefined {
  const pattern = PATTERNS.get(format) ?? OWN_PATTERNS.get(format);
  if (pattern === undefined) return undefined;
  const known = languages.get(format) ?? fullLanguage(pattern);
  languages.set(format, known);
  return known;
}
