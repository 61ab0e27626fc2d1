import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { platform } from '../../core/env.ts';

/** libpq files these under the name localhost, upstream's and Debian's; any other folder of a socket under its path. */
const DEFAULT_SOCKET_FOLDERS = ['/tmp', '/var/run/postgresql'];

export interface PassfileQuery {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

export interface PassfileAnswer {
  readonly password?: string;
  readonly warning?: string;
}

/** Where libpq looks for the passfile when neither `passfile` nor PGPASSFILE names one. */
export function defaultPassfile(home: string, appData: string | undefined): string {
  return platform === 'win32' ? join(appData ?? home, 'postgresql', 'pgpass.conf') : join(home, '.pgpass');
}

/** The password of the first line that matches, as libpq finds it; a file that others may read is not used and warned about. */
export function lookUpPassfile(path: string, query: PassfileQuery): PassfileAnswer {
  const text = readPrivateFile(path);
  if (typeof text !== 'string') return text;
  const hosts = DEFAULT_SOCKET_FOLDERS.includes(query.host) ? ['localhost', query.host] : [query.host];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitFields(line);
    if (fields === undefined) continue;
    const [host, port, database, user, password] = fields;
    const matches =
      (host === '*' || hosts.includes(host)) &&
      [port, database, user].every(
        (field, i) => field === '*' || field === [String(query.port), query.database, query.user][i],
      );
    if (matches) return password === '' ? {} : { password };
  }
  return {};
}

function readPrivateFile(path: string): string | PassfileAnswer {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return { warning: `the password file ${path} is not a plain file and is not used` };
    if (platform !== 'win32' && (stat.mode & 0o077) !== 0) {
      return { warning: `the password file ${path} can be read by others and is not used; run: chmod 600 ${path}` };
    }
    return readFileSync(path, 'utf8');
  } catch {
    return {}; // libpq, too, treats a passfile that is not there or not readable as absent
  }
}

/** `host:port:database:user:password` with `\:` and `\\`; the password runs to the end of the line. */
function splitFields(line: string): [string, string, string, string, string] | undefined {
  const match = /^((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):((?:[^:\\]|\\.)*):(.*)$/.exec(line);
  if (match === null) return undefined;
  const [, host = '', port = '', database = '', user = '', password = ''] = match.map((field) =>
    field.replace(/\\(.)/g, '$1'),
  );
  return [host, port, database, user, password];
}
