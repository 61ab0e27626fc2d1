import type { Endpoint } from '../endpoint.ts';
import { broken, type HttpProblem, unreachable } from './problem.ts';

const SAYINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ENOTFOUND: 'has a name that cannot be resolved',
  EAI_AGAIN: 'has a name that cannot be resolved now',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ETIMEDOUT: 'does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer',
  ECONNRESET: 'cut the connection',
  EPIPE: 'cut the connection',
  UND_ERR_SOCKET: 'cut the connection',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'cut its answer short',
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a certificate that is not trusted: name its authority in NODE_EXTRA_CA_CERTS',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another name',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate that is not trusted: name its authority in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a certificate that is not trusted: name its authority in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate that is not trusted: name its authority in NODE_EXTRA_CA_CERTS',
};

const CUT: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** What an error of the network means. Its cause is a new error with masked words: those of libraries may quote headers. */
export function problemOfNetwork(endpoint: Endpoint, error: unknown, mask: (text: string) => string): HttpProblem {
  const code = codeIn(error);
  const words = mask(deepestMessage(error)).slice(0, 200);
  const saying = (code === undefined ? undefined : SAYINGS[code]) ?? 'could not be called';
  const detail = code === undefined ? words : code;
  const cause = new Error(code === undefined ? words : `${code}: ${words}`);
  const message = `${endpoint.label} ${saying} (${detail})`;
  return isAfterSending(code) ? broken(message, cause) : unreachable(message, undefined, cause);
}

/** A request can kill a server (one that llama.cpp cannot parse the grammar of does), or bring it to answer what is no HTTP. */
function isAfterSending(code: string | undefined): boolean {
  return CUT.has(code) || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || /^(HPE|Z)_/.test(code ?? '');
}

/** True for a connection that was there and was closed from the other side: by a server that ended, or found it idle. */
export function isCutConnection(error: unknown): boolean {
  return CUT.has(codeIn(error));
}

function codeIn(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 5) return undefined;
  const inner = codeIn(error.cause, depth + 1) ?? codeIn(firstOf(error), depth + 1);
  if (inner !== undefined) return inner;
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function deepestMessage(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause ?? firstOf(error);
  return inner instanceof Error && depth < 5 ? deepestMessage(inner, depth + 1) : error.message;
}

/** A host with several addresses fails with one error for each. */
function firstOf(error: Error): unknown {
  return error instanceof AggregateError ? error.errors[0] : undefined;
}
