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

/**
 * What is told of a request for which the server has no address or model.
 *
 * A server that is there and lacks the address never serves the request: `invalid`. A model that it lacks may be loaded
 * there later, and a base URL where nothing answers be set right: `unavailable`, so that no request is lost by it.
 */
export function missingError(endpoint: Endpoint, problem: HttpProblem, facts: MissingFacts): ModelError {
  const { label, variables } = endpoint;
  const { status, words } = problem;
  const said = `${label} answered ${status}${words === '' ? '' : `: ${words}`}`;
  const where = facts.urls.map((url) => shownPath(endpoint, url)).join(', ');
  if (isAboutModel(problem) || facts.hasAnswered) return put(`${said} (at ${where})`);
  if (facts.isListed) return { kind: 'invalid', message: `${said} (at ${where}, which this server does not serve)` };
  return put(`${said} (at ${where}): check ${variables.baseUrl}`);
}

/** True where the words speak of the model, and so not of the address. */
export function isAboutModel({ words, param }: Pick<HttpProblem, 'words' | 'param'>): boolean {
  return param === 'model' || /\bmodel\b/i.test(words);
}

function put(message: string): ModelError {
  return { kind: 'unavailable', message, retryAfterMs: MENDING_PAUSE_MS };
}

/** Without what is before the version: gateways have keys there. */
export function shownPath({ baseUrl }: Endpoint, { pathname }: URL): string {
  const root = baseUrl.pathname.replace(/(\/v\d+)?\/?$/, '');
  return pathname.startsWith(root) ? pathname.slice(root.length) : '';
}
