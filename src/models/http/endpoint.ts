import type { Env } from '../../core/env.ts';
import { findWrongProxy } from './transport/proxy-variables.ts';

/** Where a provider's servers are found, and the names of the variables that say so. */
export interface EndpointVariables {
  /** Such as `OPENAI_BASE_URL`. */
  readonly baseUrl: string;
  /** Such as `OPENAI_API_KEY`. */
  readonly key: string;
  readonly defaultBaseUrl: string;
}

/** A server to call. Nothing here may be shown but `label` and the names of the variables. */
export interface Endpoint {
  readonly variables: EndpointVariables;
  /** The address, without a slash at its end. */
  readonly baseUrl: URL;
  readonly key: string | undefined;
  /** Scheme, host and port: what messages call the server. */
  readonly label: string;
  /** True for the provider's own servers. */
  readonly isDefault: boolean;
}

/** Why there is no endpoint to call. */
export interface EndpointProblem {
  readonly reason: string;
  readonly hint: string;
}

/** Any visible ASCII character: others cannot stand in a header, and the error of who tries would show the key. */
const SENDABLE_KEY = /^[\x21-\x7e]+$/;

/** The endpoint that the environment describes, or why it describes none; neither holds a secret that can be shown. */
export function parseEndpoint(env: Env, variables: EndpointVariables): Endpoint | EndpointProblem {
  const key = env[variables.key]?.trim() || undefined;
  const given = env[variables.baseUrl]?.trim() || variables.defaultBaseUrl;
  const baseUrl = URL.canParse(given) ? new URL(given) : undefined;
  if (baseUrl === undefined || !['http:', 'https:'].includes(baseUrl.protocol)) {
    return {
      reason: `${variables.baseUrl} is not an http or https URL`,
      hint: `Set ${variables.baseUrl} to an address such as ${variables.defaultBaseUrl}.`,
    };
  }
  if (baseUrl.username !== '' || baseUrl.password !== '') {
    return {
      reason: `${variables.baseUrl} holds a user name or password`,
      hint: `Remove it from ${variables.baseUrl}, and set the key in ${variables.key}.`,
    };
  }
  if (key !== undefined && !SENDABLE_KEY.test(key)) {
    return {
      reason: `${variables.key} holds a character that cannot be sent in a header`,
      hint: `Set ${variables.key} to the key alone, without quotes, spaces or line breaks inside.`,
    };
  }
  const proxy = findWrongProxy(env);
  if (proxy !== undefined) {
    return {
      reason: `${proxy} is not an http or https URL`,
      hint: `Set ${proxy} to an address such as http://proxy:3128.`,
    };
  }
  baseUrl.hash = '';
  baseUrl.pathname = baseUrl.pathname.replace(/\/+$/, '');
  const isDefault = baseUrl.host === new URL(variables.defaultBaseUrl).host;
  if (isDefault && key === undefined) {
    return {
      reason: `${variables.key} is not set`,
      hint: `Set ${variables.key}, or ${variables.baseUrl} to a server of your own.`,
    };
  }
  return { variables, baseUrl, key, label: baseUrl.origin, isDefault };
}

/** True when {@link parseEndpoint} found no endpoint. */
export function isEndpointProblem(parsed: Endpoint | EndpointProblem): parsed is EndpointProblem {
  return 'reason' in parsed;
}

/** The address of `path` below the base URL; its query, as some gateways want one, is kept. */
export function urlOf({ baseUrl }: Endpoint, path: string): URL {
  return withPath(baseUrl, `${baseUrl.pathname.replace(/\/$/, '')}${path}`);
}

/** The same below the base URL without its version (`/v1`, `/v2`), where servers keep what is their own. */
export function rootUrlOf({ baseUrl }: Endpoint, path: string): URL {
  return withPath(baseUrl, `${baseUrl.pathname.replace(/(\/v\d+)?\/?$/, '')}${path}`);
}

function withPath(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = path;
  return url;
}
