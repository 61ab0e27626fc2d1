import { Buffer } from 'node:buffer';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import type { Env } from '../../../core/env.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The connections of one model. Requests go through the proxy that `HTTPS_PROXY` or `HTTP_PROXY` names (lower case first)
 * unless `NO_PROXY` lists the host.
 *
 * Node's own fetch knows no proxy before Node 22.21 and 24.5 (`NODE_USE_ENV_PROXY=1`), and has a time limit of 300 s for the
 * first byte, which a long generation takes; hence a dispatcher of our own, with time limits set by the callers.
 */
export function createConnections(env: Env, maxConnections: number): Dispatcher {
  const options = {
    connections: maxConnections,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const noProxy = readVariable(env, 'no_proxy');
  const httpProxy = readVariable(env, 'http_proxy');
  const httpsProxy = readVariable(env, 'https_proxy');
  if (httpProxy === undefined && httpsProxy === undefined) return new Agent(options);
  // An empty text keeps the library from looking into the process environment by itself.
  return new EnvHttpProxyAgent({
    ...options,
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: noProxy ?? '',
  });
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

const PROXY_VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'];

/** As with curl, the name in lower case comes first. */
function readVariable(env: Env, variable: string): string | undefined {
  return env[variable] ?? env[variable.toUpperCase()];
}

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
