import type { ModelError } from '../../outcome.ts';
import type { Endpoint } from '../endpoint.ts';
import { type HttpProblem, MENDING_PAUSE_MS } from './problem.ts';

/** What is known of a server that has no such address, or no such model. */
export interface MissingFacts {
  /** The addresses that were tried. */
  readonly urls: readonly URL[];
  /** True where this one has answered before: it is gone for a while, as in a deployment. */
  readonly hasAnswered: boolean;
  /** True where the server lists its models below the base URL, so that the base URL is right. */
  readonly isListed: boolean;
}

/** How the routers of servers say that they have no such address, and say of nothing else. */
const ROUTER_WORDS =
  /^(404:? )?((file|page|route|path|url|endpoint) )?not found\.?$|^cannot (post|get) \/|^invalid url \(|^unexpected endpoint or method/i;

/**
 * The outcome of a request for which the server has no address or model.
 *
 * A server that is there and lacks the address, in the words of a router, never serves the request: `invalid`. Whatever else it says, as of
 * a deployment or a policy, can be fixed there, and so can a base URL without a server: `unavailable`, so that no request is lost by it.
 */
export function missingError(endpoint: Endpoint, problem: HttpProblem, facts: MissingFacts): ModelError {
  const { label, variables } = endpoint;
  const { status, words } = problem;
  const said = `${label} answered ${status}${words === '' ? '' : `: ${words}`}`;
  const where = facts.urls.map((url) => shownPath(endpoint, url)).join(', ');
  if (isAboutModel(problem) || facts.hasAnswered) return put(`${said} (at ${where})`);
  if (!facts.isListed) return put(`${said} (at ${where}): check ${variables.baseUrl}`);
  if (problem.status !== 405 && !ROUTER_WORDS.test(words)) {
    return put(`${said} (at ${where}): check the name of the model, and what the server allows this key`);
  }
  return { kind: 'invalid', message: `${said} (at ${where}, which this server does not serve)` };
}

/** True where the words speak of the model, and so not of the address. */
export function isAboutModel({ words, param }: Pick<HttpProblem, 'words' | 'param'>): boolean {
  return param === 'model' || /\bmodel\b/i.test(words);
}

function put(message: string): ModelError {
  return { kind: 'unavailable', message, retryAfterMs: MENDING_PAUSE_MS };
}

/** The path without what is before the version: gateways have keys there. */
export function shownPath({ baseUrl }: Endpoint, { pathname }: URL): string {
  const root = baseUrl.pathname.replace(/(\/v\d+)?\/?$/, '');
  return pathname.startsWith(root) ? pathname.slice(root.length) : '';
}
