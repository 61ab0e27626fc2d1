import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  createImageFetcher,
  type ImageFetcher,
  type ImageFetcherOptions,
} from '../../src/daemon/images/fetch-image.ts';
import { hasOpenssl } from '../hosts/certificates.ts';
import { type ImageServer, startImageServer } from '../support/image-server.ts';

const never = new AbortController().signal;
const PUBLIC = '127.0.0.1';

/** Names and their addresses. In these tests 127.0.0.1, where the server is, passes for public, and nothing else. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'images.test': [PUBLIC],
  'private.test': ['10.0.0.1'],
  'metadata.test': ['169.254.169.254'],
  'both.test': [PUBLIC, '10.0.0.1'],
  'six.test': ['::1'],
  'none.test': [],
};

let server: ImageServer;
let looked: string[] = [];
let open: ImageFetcher[] = [];

function fetcher(options: ImageFetcherOptions = {}): ImageFetcher {
  const made = createImageFetcher({
    ca: server.ca,
    isAllowed: (address) => address === PUBLIC,
    findAddresses(host, done) {
      looked.push(host);
      done(
        null,
        (NAMES[host] ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
    ...options,
  });
  open.push(made);
  return made;
}

const at = (host: string, path = '/') => `https://${host}:${server.port}${path}`;

describe.skipIf(!hasOpenssl)('a URL in a table', () => {
  beforeAll(async () => {
    server = await startImageServer();
  });
  afterEach(async () => {
    await Promise.all(open.map((each) => each.close()));
    open = [];
    looked = [];
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('of a public address is fetched', async () => {
    server.handle(({ headers }, response) => response.end(JSON.stringify(headers)));
    const outcome = await fetcher().fetch(at('images.test', '/a.png?key=1'), never);
    expect(outcome.ok && JSON.parse(Buffer.from(outcome.value).toString())).toMatchObject({ accept: 'image/*' });
    expect(looked).toEqual(['images.test']);
  });

  test.each([
    ...['127.0.0.1', 'localhost', '[::1]', '169.254.169.254', '[fd00::1]', '[fe80::1]', '10.1.2.3', '192.168.1.1'],
    ...['172.16.0.1', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::]', '0.0.0.0', '0', '2130706433', '0x7f000001'],
    ...['0177.0.0.1', '127.1', '0x7f.1', '017700000001', '127.0.0.1.', '%6cocalhost', 'ⓛocalhost'],
    ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]'],
  ])('that leads to %s is refused, and nobody is connected to', async (host) => {
    const before = server.connections;
    const real = createImageFetcher({ ca: server.ca });
    open.push(real);
    expect(await real.fetch(at(host), never)).toMatchObject({
      ok: false,
      error: { kind: 'invalid', message: expect.stringMatching(/not public|is no URL/) },
    });
    expect(server.connections).toBe(before);
  });

  test.each([
    ['http://images.test/a.png', /scheme is http, and only https/],
    ['ftp://images.test/a.png', /scheme is ftp/],
    ['file:///etc/passwd', /scheme is file/],
    ['data:image/png;base64,AAAA', /scheme is data/],
    ['javascript:alert(1)', /scheme is javascript/],
    ['https://user:secret@images.test/', /holds a name or a password/],
    ['https://user@images.test/', /holds a name or a password/],
    ['https://', /is no URL/],
    ['//images.test/a', /is no URL/],
    [`https://images.test/${'a'.repeat(2_000)}`, /more than 2000 characters/],
  ])('%s is refused', async (url, message) => {
    const outcome = await fetcher().fetch(url, never);
    expect(outcome).toMatchObject({ ok: false, error: { kind: 'invalid', message: expect.stringMatching(message) } });
    expect(outcome.ok || outcome.error.message).not.toContain('secret');
    expect(looked).toEqual([]);
  });

  test.each(['private.test', 'metadata.test', 'both.test', 'six.test', 'none.test'])(
    'whose name %s has an address that is not public is refused',
    async (host) => {
      const before = server.connections;
      expect(await fetcher().fetch(at(host), never)).toMatchObject({ ok: false, error: { kind: 'invalid' } });
      expect(server.connections).toBe(before);
    },
  );

  test('is looked up by the connection itself, so that a second answer can be no other one', async () => {
    let lookups = 0;
    const changing = fetcher({
      findAddresses(_, done) {
        lookups += 1;
        done(null, [{ address: lookups === 1 ? PUBLIC : '10.0.0.1', family: 4 }]);
      },
    });
    server.handle((_, response) => response.end('image'));
    expect(await changing.fetch(at('images.test'), never)).toMatchObject({ ok: true });
    expect(lookups).toBe(1);
    expect(await changing.fetch(at('images.test'), never)).toMatchObject({ ok: false, error: { kind: 'invalid' } });
    expect(lookups).toBe(2);
  });

  test.each([
    ['https://10.0.0.1/', /10\.0\.0\.1 is an address that is not public/],
    ['https://169.254.169.254/latest/meta-data/', /not public/],
    ['https://private.test/', /private\.test has an address that is not public/],
    ['http://images.test/', /scheme is http/],
    ['file:///etc/passwd', /scheme is file/],
    ['https://user:secret@images.test/', /holds a name or a password/],
  ])('that redirects to %s is not followed', async (location, message) => {
    server.handle((_, response) => response.writeHead(302, { location }).end());
    const before = server.connections;
    expect(await fetcher().fetch(at('images.test'), never)).toMatchObject({
      ok: false,
      error: { kind: 'invalid', message: expect.stringMatching(message) },
    });
    expect(server.connections - before).toBe(1);
  });

  test('is followed three times at most', async () => {
    server.handle(({ url = '/' }, response) => {
      const left = Number(url.slice(1));
      if (left === 0) response.end('image');
      else response.writeHead(307, { location: `/${left - 1}` }).end();
    });
    expect(await fetcher().fetch(at('images.test', '/3'), never)).toMatchObject({ ok: true });
    expect(await fetcher().fetch(at('images.test', '/4'), never)).toMatchObject({
      error: { kind: 'invalid', message: expect.stringContaining('redirects more than 3 times') },
    });
  });

  test('whose body has no end, or says that it is too long, is left', async () => {
    const limited = fetcher({ maxBytes: 1_000_000 });
    let sent = 0;
    server.handle((_, response) => {
      const send = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
        if (!response.destroyed) response.once('drain', send);
      };
      send();
    });
    const tooLarge = { ok: false, error: { kind: 'invalid', message: expect.stringContaining('more than the 1 MB') } };
    expect(await limited.fetch(at('images.test'), never)).toMatchObject(tooLarge);
    expect(sent).toBeLessThan(20_000_000);
    server.handle((_, response) => response.writeHead(200, { 'content-length': 2_000_000 }).write('a'));
    expect(await limited.fetch(at('images.test'), never)).toMatchObject(tooLarge);
  });

  test.each([
    ['headers', false],
    ['body', true],
  ])('whose %s never come is given up in time, and tried again later', async (_, hasHeaders) => {
    server.handle((__, response) => {
      if (hasHeaders) response.writeHead(200).write('a');
    });
    expect(await fetcher({ timeoutMs: 200 }).fetch(at('images.test'), never)).toMatchObject({
      ok: false,
      error: { kind: 'failed', message: 'The image was not there within 0.2 s', retryAfterMs: 30_000 },
    });
  });

  test.each([
    [404, 'invalid'],
    [403, 'invalid'],
    [204, 'invalid'],
    [304, 'invalid'],
    [503, 'failed'],
    [429, 'failed'],
  ])('that is answered with %d has %s', async (status, kind) => {
    server.handle((_, response) => response.writeHead(status).end());
    const outcome = await fetcher().fetch(at('images.test', '/a?key=secret'), never);
    expect(outcome).toMatchObject({ ok: false, error: { kind, message: expect.stringContaining(`with ${status}`) } });
    expect(outcome.ok || outcome.error.message).not.toContain('secret');
  });

  test('of a server that has no certificate for its name is not trusted', async () => {
    const other = fetcher({ findAddresses: (_, done) => done(null, [{ address: PUBLIC, family: 4 }]) });
    expect(await other.fetch(at('other.test'), never)).toMatchObject({ ok: false, error: { kind: 'failed' } });
    const strict = createImageFetcher({
      isAllowed: () => true,
      findAddresses: (_, done) => done(null, [{ address: PUBLIC, family: 4 }]),
    });
    open.push(strict);
    expect(await strict.fetch(at('images.test'), never)).toMatchObject({ ok: false, error: { kind: 'failed' } });
  });

  test('is fetched past the proxy of the environment, which could reach what is not public', async () => {
    let asked = 0;
    const proxy = createServer((socket) => {
      asked += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => proxy.listen(0, PUBLIC, resolve));
    const before = process.env['HTTPS_PROXY'];
    process.env['HTTPS_PROXY'] = `http://${PUBLIC}:${(proxy.address() as AddressInfo).port}`;
    try {
      server.handle((_, response) => response.end('image'));
      expect(await fetcher().fetch(at('images.test'), never)).toMatchObject({ ok: true });
      expect(asked).toBe(0);
    } finally {
      if (before === undefined) delete process.env['HTTPS_PROXY'];
      else process.env['HTTPS_PROXY'] = before;
      await new Promise((resolve) => proxy.close(resolve));
    }
  });

  test('without a network is nobody’s fault', async () => {
    const cut = fetcher({
      findAddresses: (_, done) => done(Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' }), []),
    });
    expect(await cut.fetch(at('images.test'), never)).toMatchObject({
      ok: false,
      error: { kind: 'unavailable', retryAfterMs: 30_000 },
    });
  });
});
