import { LamplighterError } from '../../../core/errors.ts';
import { describeFile, type HubFile } from './hub-file.ts';
import type { HubSettings } from './hub-settings.ts';

/** Longest pause that a server may ask for; for one that asks for more nobody waits. */
const MAX_RETRY_AFTER_MS = 120_000;

/** A failure that may pass. */
export class PassingProblem extends LamplighterError {
  /** When the server asked to be called again. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { cause?: unknown; hint?: string; retryAfterMs?: number | undefined } = {}) {
    super('DOWNLOAD_FAILED', message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** An answer that will be the same the next time. */
export class HubRefusal extends LamplighterError {
  readonly status: number;

  constructor(status: number, message: string, hint: string | undefined) {
    super('DOWNLOAD_FAILED', message, { hint });
    this.status = status;
  }
}

/** What an answer other than the file means. */
export function problemOfStatus(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  file: HubFile,
  { endpoint, token }: HubSettings,
): LamplighterError {
  const { host } = new URL(endpoint);
  const page = `${endpoint}/${file.repo}`;
  const wanted = describeFile(file);
  const fail = (message: string, hint?: string) => new HubRefusal(status, message, hint);
  switch (status) {
    case 401:
    case 403:
      return fail(
        `${host} does not let ${token === undefined ? 'us' : 'the owner of HF_TOKEN'} have ${wanted} (status ${status})`,
        token === undefined
          ? `Set HF_TOKEN to an access token of yours; where a model has terms, accept them at ${page} first.`
          : `Check that the token holds, and that its owner has accepted the terms at ${page}, where there are such.`,
      );
    case 404:
      return fail(`${host} has no ${wanted}`, `See ${page}. A mirror in HF_ENDPOINT may not have everything.`);
    case 429:
      return passing(
        `${host} asks for fewer requests (status 429)`,
        headers,
        'Wait a few minutes. Requests with an HF_TOKEN may come more often.',
      );
    default:
      if (status === 408 || status >= 500) return passing(`${host} cannot answer now (status ${status})`, headers);
      return fail(`${host} refused to send ${wanted} (status ${status})`);
  }
}

function passing(message: string, headers: Headers, hint?: string): LamplighterError {
  const retryAfterMs = readRetryAfter(headers.get('retry-after'));
  if (retryAfterMs !== undefined && retryAfterMs > MAX_RETRY_AFTER_MS) {
    const minutes = Math.ceil(retryAfterMs / 60_000);
    return new LamplighterError('DOWNLOAD_FAILED', `${message}, and wants to be asked again in ${minutes} minutes`, {
      hint,
    });
  }
  return new PassingProblem(message, { retryAfterMs, ...(hint === undefined ? {} : { hint }) });
}

/** Seconds only; a date would be compared with a clock that may be wrong. */
function readRetryAfter(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text.trim()) ? Number(text) * 1_000 : undefined;
}
