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
  const { httpProxy, httpsProxy, noProxy } = readProxies(env);
  if (httpProxy === undefined && httpsProxy === undefined) return new Agent(options);
  // An empty text keeps the library from looking into the process environment by itself.
  return new EnvHttpProxyAgent({
    ...options,
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: noProxy ?? '',
  });
}

/** What the proxies' addresses hold that must not be shown. */
export function proxySecrets(env: Env): string[] {
  const { httpProxy, httpsProxy } = readProxies(env);
  return [httpProxy, httpsProxy].flatMap((proxy) => {
    if (proxy === undefined || !URL.canParse(proxy)) return [];
    const { username, password } = new URL(proxy);
    return password === ''
      ? []
      : [password, decodeOr(password), Buffer.from(`${username}:${password}`).toString('base64')];
  });
}

function readProxies(env: Env) {
  return {
    httpProxy: env['http_proxy'] ?? env['HTTP_PROXY'],
    httpsProxy: env['https_proxy'] ?? env['HTTPS_PROXY'],
    noProxy: env['no_proxy'] ?? env['NO_PROXY'],
  };
}

function decodeOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
