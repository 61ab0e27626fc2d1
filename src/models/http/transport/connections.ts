import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import type { Env } from '../../../core/env.ts';
import { readProxyVariable } from './proxy-variables.ts';

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
  const noProxy = readProxyVariable(env, 'no_proxy');
  const httpProxy = readProxyVariable(env, 'http_proxy');
  const httpsProxy = readProxyVariable(env, 'https_proxy');
  if (httpProxy === undefined && httpsProxy === undefined) return new Agent(options);
  // An empty text keeps the library from looking into the process environment by itself.
  return new EnvHttpProxyAgent({
    ...options,
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: noProxy ?? '',
  });
}
