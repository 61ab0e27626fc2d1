import { LamplighterError } from '../../../core/errors.ts';
import { VERSION } from '../../../core/version.ts';
import { addressOf, describeFile, type HubFile } from './hub-file.ts';
import { PassingProblem, problemOfStatus } from './hub-problem.ts';
import type { HubSettings } from './hub-settings.ts';

/** What the hub says of a file before it sends it. */
export interface Announcement {
  /** `sha256:` of a large file, or `git:` and the id that git gives to a small one. */
  readonly hash: string;
  readonly size: number | undefined;
  /** What the revision stands for; undefined where a mirror does not say it. */
  readonly commit: string | undefined;
}

/** The bytes of a file, or of its end. */
export interface Delivery {
  /** The offset of the first byte; 0 where the server does not send parts. */
  readonly startsAt: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Speaks the hub's documented protocol: `resolve` addresses, redirects to storage, ranges.
 *
 * Failures are LamplighterErrors that say what was asked and what came, a {@link PassingProblem} where it may go better
 * the next time.
 */
export interface HubClient {
  announce(file: HubFile, signal: AbortSignal): Promise<Announcement>;
  /** Bytes from `offset` on; undefined when the file ends there. */
  deliver(file: HubFile, offset: number, signal: AbortSignal): Promise<Delivery | undefined>;
}

interface Step {
  readonly response: Response;
  /** Whether it comes from the hub itself, not from storage behind it. */
  readonly isOwn: boolean;
  readonly isRedirect: boolean;
}

const MAX_REDIRECTS = 10;

/** A client of one hub or mirror. */
export function createHubClient(settings: HubSettings): HubClient {
  const { endpoint, token } = settings;
  const { host, origin } = new URL(endpoint);

  async function ask(url: URL, method: 'GET' | 'HEAD', range: string | undefined, signal: AbortSignal) {
    const headers = new Headers({
      'user-agent': `lamplighter/${VERSION}`,
      // Hashes, sizes and ranges are of the file, not of a compressed form of it.
      'accept-encoding': 'identity',
    });
    if (range !== undefined) headers.set('range', range);
    // Storage behind a redirect has a signed address of its own, and is not to see the token.
    if (token !== undefined && url.origin === origin) headers.set('authorization', `Bearer ${token}`);
    try {
      return await fetch(url, { method, headers, signal, redirect: 'manual' });
    } catch (cause) {
      signal.throwIfAborted();
      const hint = 'Check the network. If only a mirror can be reached, set HF_ENDPOINT to its address.';
      throw new PassingProblem(`${url.host} cannot be reached: ${reasonOf(cause)}`, { cause, hint });
    }
  }

  /** The answers on the way to a file; the last one is no redirect. Each is asked for anew, as signed addresses expire. */
  async function* follow(file: HubFile, method: 'GET' | 'HEAD', range: string | undefined, signal: AbortSignal) {
    let url = addressOf(endpoint, file);
    for (let count = 0; count <= MAX_REDIRECTS; count++) {
      const response = await ask(url, method, range, signal);
      const isRedirect = response.status >= 300 && response.status < 400 && response.headers.has('location');
      if (isRedirect) await response.body?.cancel();
      yield { response, isOwn: url.origin === origin, isRedirect } satisfies Step;
      if (!isRedirect) return;
      url = redirectOf(response, url);
    }
    throw new LamplighterError('DOWNLOAD_FAILED', `${host} redirects ${describeFile(file)} in circles`);
  }

  return {
    async announce(file, signal) {
      let commit: string | undefined;
      let size: number | undefined;
      for await (const step of follow(file, 'HEAD', undefined, signal)) {
        const { headers, status } = step.response;
        if (!step.isRedirect && status !== 200) throw problemOfStatus(step.response, file, settings);
        commit ??= /^[0-9a-f]{40}$/.exec(headers.get('x-repo-commit') ?? '')?.[0];
        size ??=
          sizeIn(headers.get('x-linked-size')) ?? (step.isRedirect ? undefined : sizeIn(headers.get('content-length')));
        const hash = hashOf(step);
        if (hash !== undefined) return { hash, size, commit };
      }
      throw new LamplighterError('DOWNLOAD_FAILED', `${host} announces no hash of ${describeFile(file)}`, {
        hint: 'HF_ENDPOINT has to be a hub, or a mirror that forwards its X-Linked-Etag or ETag.',
      });
    },
    async deliver(file, offset, signal) {
      const range = offset === 0 ? undefined : `bytes=${offset}-`;
      for await (const { response, isRedirect } of follow(file, 'GET', range, signal)) {
        if (isRedirect) continue;
        const { status, body } = response;
        if ((status === 200 || status === 206) && body !== null) {
          return { startsAt: status === 206 ? startOf(response, offset) : 0, chunks: body };
        }
        await body?.cancel();
        if (status === 416 || body === null) return undefined;
        throw problemOfStatus(response, file, settings);
      }
      return undefined;
    },
  };
}

/** Storage addresses are signed, which makes them secrets for as long as they hold: only their host is shown. */
function redirectOf(response: Response, from: URL): URL {
  const location = response.headers.get('location') ?? '';
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new LamplighterError('DOWNLOAD_FAILED', `${from.host} redirects to something that is no web address`);
  }
  if (from.protocol === 'https:' && url.protocol !== 'https:') {
    throw new LamplighterError('DOWNLOAD_FAILED', `${from.host} redirects to ${url.host} without encryption`);
  }
  return url;
}

/** The hub's own tag; storage has tags of another kind, which only look like hashes of the file. */
function hashOf({ response: { headers }, isOwn, isRedirect }: Step): string | undefined {
  const tag = headers.get('x-linked-etag') ?? (isOwn && !isRedirect ? headers.get('etag') : null);
  const text = /^(?:W\/)?"?([0-9a-f]+)"?$/.exec(tag ?? '')?.[1];
  if (text?.length === 64) return `sha256:${text}`;
  return text?.length === 40 ? `git:${text}` : undefined;
}

function sizeIn(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

function startOf(response: Response, offset: number): number {
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (Number(start) !== offset) throw new PassingProblem('The server sent another part of the file than was asked for');
  return offset;
}

/** `fetch failed` says nothing; what is behind it does, such as `connect ECONNREFUSED 127.0.0.1:1`. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  // An address with several numbers fails with one error for each, and no message.
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ');
  return cause.message;
}
