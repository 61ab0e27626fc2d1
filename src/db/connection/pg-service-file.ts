import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Env, homeFolder } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';

/**
 * The keyword and value pairs of a service: from PGSERVICEFILE or `~/.pg_service.conf`, else from `pg_service.conf` in PGSYSCONFDIR.
 *
 * @throws LamplighterError CONFIG_INVALID when no file defines the service.
 */
export function loadService(service: string, env: Env): ReadonlyMap<string, string> {
  const folder = env['PGSYSCONFDIR'];
  const paths = [env['PGSERVICEFILE'] ?? join(homeFolder(env), '.pg_service.conf')];
  if (folder !== undefined) paths.push(join(folder, 'pg_service.conf'));
  const names: string[] = [];
  for (const path of paths) {
    const services = parseServiceFile(readIfThere(path), path);
    const found = services.get(service);
    if (found !== undefined) return found;
    names.push(...services.keys());
  }
  throw new LamplighterError(
    'CONFIG_INVALID',
    `expected the service "${service}" in ${paths.join(' or ')}, and it is not there${didYouMean(service, names)}`,
  );
}

/** Each `[service]` of the file with its pairs; where a name or a key is repeated, the first one counts, as with libpq. */
function parseServiceFile(text: string, path: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const services = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const header = /^\[(.*)\]$/.exec(line);
    const pair = /^([^=\s]+)\s*=\s*(.*)$/.exec(line);
    if (header !== null) {
      current = new Map();
      const name = header[1] ?? '';
      if (!services.has(name)) services.set(name, current);
    } else if (pair !== null && current !== undefined) {
      const [, key = '', value = ''] = pair;
      if (!current.has(key)) current.set(key, value);
    } else {
      throw new LamplighterError('CONFIG_INVALID', `${path}, line ${index + 1}: expected [service] or keyword=value`);
    }
  }
  return services;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
