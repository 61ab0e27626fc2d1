import { Buffer } from 'node:buffer';
import type { Env } from '../../../core/env.ts';

const PROXY_VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'];

/** The value of `https_proxy` and its like: as with curl, the name in lower case comes before that in upper case. */
export function readProxyVariable(env: Env, variable: string): string | undefined {
  return env[variable] ?? env[variable.toUpperCase()];
}

/** The variable whose value is no address of a proxy; the library's own error would show all of it. */
export function findWrongProxy(env: Env): string | undefined {
  return PROXY_VARIABLES.find((variable) => {
    const value = env[variable];
    return value !== undefined && !(URL.canParse(value) && /^https?:$/.test(new URL(value).protocol));
  });
}

/** What the proxies' addresses hold that must not be shown. */
export function proxySecrets(env: Env): string[] {
  return PROXY_VARIABLES.flatMap((variable) => {
    const value = env[variable];
    if (value === undefined || !URL.canParse(value)) return [];
    const { username, password } = new URL(value);
    if (password === '') return [];
    const logins = [`${username}:${password}`, `${decodeOr(username)}:${decodeOr(password)}`];
    return [password, decodeOr(password), ...logins.map((login) => Buffer.from(login).toString('base64'))];
  });
}

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
