import { readEnv } from '../../core/env.ts';

/**
 * What the server's processes get of our environment: no PG* variables, which would steer dblink, and no secrets, which SQL could
 * read. Messages are English.
 */
export function serverEnv(): NodeJS.ProcessEnv {
  const { PATH, TZ, TMPDIR } = readEnv();
  return { LC_ALL: 'C', ...(PATH && { PATH }), ...(TZ && { TZ }), ...(TMPDIR && { TMPDIR }) };
}
