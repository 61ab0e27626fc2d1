import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, type Dispatcher, request } from 'undici';
import { messageOf } from '../../core/errors.ts';
import { failed, type ItemFailure, type ItemOutcome, invalid, succeeded, unavailable } from '../../models/outcome.ts';
import { isPublicAddress } from './public-address.ts';

/** Bytes of one image, from a column or a URL. */
export const MOST_IMAGE_BYTES = 20_000_000;
/** Longest time from the check of the URL to the last byte, redirects included. */
const LONGEST_FETCH_MS = 15_000;
const LONGEST_CONNECT_MS = 5_000;
const MOST_REDIRECTS = 3;
const LONGEST_URL = 2_000;
/** What failed for the server's sake, or for the network's, may be there again after this. */
const AGAIN_MS = 30_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const AGAIN_LATER: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
/** This machine has no network: no URL is to blame. */
const NO_NETWORK: ReadonlySet<string> = new Set(['ENETDOWN', 'ENETUNREACH', 'EAI_AGAIN']);

/** Where a name's addresses come from, as `dns.lookup` with `all`. */
type FindAddresses = (
  host: string,
  done: (error: Error | null, addresses: readonly { address: string; family: number }[]) => void,
) => void;

export interface ImageFetcherOptions {
  /** @internal */
  readonly findAddresses?: FindAddresses;
  /** @internal */
  readonly isAllowed?: (address: string) => boolean;
  /** Certificates of authorities besides those of Node. @internal */
  readonly ca?: string;
  /** @internal */
  readonly timeoutMs?: number;
  /** @internal */
  readonly maxBytes?: number;
}

/** Gets images from URLs that stand in a table, which may be anybody's. */
export interface ImageFetcher {
  /**
   * The bytes behind an https URL. Never rejects: a URL that can never work is `invalid`, a server that is away has `failed`, and without a
   * network all is `unavailable`.
   */
  fetch(url: string, signal: AbortSignal): Promise<ItemOutcome<Uint8Array>>;
  close(): Promise<void>;
}

/** An address, or a redirect, that nobody may be sent to. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

/**
 * A fetcher that is of no use for reaching what only this machine can reach. Each URL, those of redirects included, is https, without
 * credentials, and of a public address. A name is looked up once, by the connection itself, so that no second answer can be another one; of its addresses
 * all must be public. No proxy, no cookie and no other variable of the environment is heeded, and connections are not shared between fetches.
 */
export function createImageFetcher(options: ImageFetcherOptions = {}): ImageFetcher {
  const { isAllowed = isPublicAddress, ca, timeoutMs = LONGEST_FETCH_MS, maxBytes = MOST_IMAGE_BYTES } = options;
  const { findAddresses = (host, done) => lookup(host, { all: true, verbatim: true }, done) } = options;

  const lookUp: LookupFunction = (host, { all }, done) => {
    findAddresses(host, (error, addresses) => {
      if (error !== null) return done(error, '', 0);
      const [first] = addresses;
      const refused = addresses.find(({ address }) => !isAllowed(address));
      if (first === undefined) return done(new Refusal(`${host} has no address`), '', 0);
      if (refused !== undefined) return done(new Refusal(`${host} has an address that is not public`), '', 0);
      if (all === true) return done(null, [...addresses]);
      return done(null, first.address, first.family);
    });
  };
  const agent = new Agent({
    connect: { lookup: lookUp, timeout: LONGEST_CONNECT_MS, ...(ca === undefined ? {} : { ca }) },
    pipelining: 0,
    keepAliveTimeout: 1,
    keepAliveMaxTimeout: 1,
    maxHeaderSize: 16_384,
  });

  function check(text: string, base?: URL): URL {
    if (text.length > LONGEST_URL) throw new Refusal(`the URL has more than ${LONGEST_URL} characters`);
    if (!URL.canParse(text, base?.href)) throw new Refusal('it is no URL');
    const url = new URL(text, base);
    if (url.protocol !== 'https:')
      throw new Refusal(`its scheme is ${url.protocol.slice(0, -1)}, and only https is fetched`);
    if (url.username !== '' || url.password !== '') throw new Refusal('it holds a name or a password');
    // The parser has made decimal and octal numbers of it by now; no name is looked up for an address.
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !isAllowed(host)) throw new Refusal(`${host} is an address that is not public`);
    return url;
  }

  async function follow(text: string, signal: AbortSignal): Promise<ItemOutcome<Uint8Array>> {
    let url = check(text);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
      const response = await request(url, {
        dispatcher: agent,
        signal,
        headers: { accept: 'image/*', 'user-agent': 'lamplighter' },
      });
      const { statusCode: status, headers, body } = response;
      if (REDIRECTS.has(status)) {
        await drop(body);
        const { location } = headers;
        if (typeof location !== 'string')
          return invalid(`${shown(url)} answered with ${status} and names no other place`);
        url = check(location, url);
        continue;
      }
      if (status !== 200) {
        await drop(body);
        const message = `${shown(url)} answered with ${status}`;
        return AGAIN_LATER.has(status) ? later(message) : invalid(message);
      }
      return await read(url, body, Number(headers['content-length'] ?? 0));
    }
    return invalid(`${shown(url)} redirects more than ${MOST_REDIRECTS} times`);
  }

  async function read(url: URL, body: Dispatcher.ResponseData['body'], told: number): Promise<ItemOutcome<Uint8Array>> {
    const tooLarge = () => invalid(`${shown(url)} holds more than the ${maxBytes / 1_000_000} MB of an image`);
    if (told > maxBytes) {
      await drop(body);
      return tooLarge();
    }
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of body as AsyncIterable<Uint8Array>) {
      size += part.length;
      // To leave the loop ends the connection.
      if (size > maxBytes) return tooLarge();
      parts.push(part);
    }
    return succeeded(Buffer.concat(parts));
  }

  return {
    async fetch(url, signal) {
      const limit = AbortSignal.timeout(timeoutMs);
      try {
        return await follow(url, AbortSignal.any([signal, limit]));
      } catch (error) {
        if (limit.aborted) return later(`The image was not there within ${timeoutMs / 1_000} s`);
        return outcomeOf(error);
      }
    },
    close: () => agent.destroy(),
  };
}

function outcomeOf(error: unknown): ItemFailure {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof Refusal) return invalid(`The image is not fetched: ${cause.message}`);
    if ('code' in cause && typeof cause.code === 'string' && NO_NETWORK.has(cause.code)) {
      return unavailable(`The image could not be fetched: ${messageOf(cause)}`, { retryAfterMs: AGAIN_MS });
    }
  }
  return later(`The image could not be fetched: ${messageOf(error)}`);
}

function later(message: string): ItemFailure {
  return failed(message, undefined, AGAIN_MS);
}

/** The URL without its query, which may hold a key. */
function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

async function drop(body: Dispatcher.ResponseData['body']): Promise<void> {
  body.on('error', () => undefined);
  body.destroy();
}
