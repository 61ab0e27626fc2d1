import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createCohereProvider } from '../../../src/models/http/cohere-provider.ts';
import { createOpenAiProvider } from '../../../src/models/http/openai-provider.ts';
import { createModelRegistry } from '../../../src/models/registry.ts';
import type { StubHandler, StubRequest } from './stub-server.ts';
import { everythingIn, generateItem, KEY, never, setUp } from './support.ts';

const FORMS = [
  KEY,
  JSON.stringify(KEY).slice(1, -1),
  encodeURIComponent(KEY),
  Buffer.from(KEY).toString('base64').replace(/=+$/, ''),
];

function expectNoKey(value: unknown): void {
  const text = everythingIn(value);
  for (const form of FORMS) expect(text).not.toContain(form);
  // Not a half of it either.
  expect(text).not.toContain(KEY.slice(0, 20));
  expect(text).not.toContain(KEY.slice(-20));
}

const echo = ({ headers }: StubRequest) => `You sent ${headers['authorization']}`;

/** Servers that give the key back in every way they can think of. */
const ECHOES: readonly [what: string, handler: StubHandler][] = [
  ...[400, 401, 403, 404, 413, 422, 429, 500, 503].map((status): [string, StubHandler] => [
    `a ${status} with a message`,
    (request) => ({ status, json: { error: { message: echo(request), code: echo(request), param: echo(request) } } }),
  ]),
  ['a detail', (request) => ({ status: 400, json: { detail: [{ msg: echo(request) }] } })],
  ['a list of errors', (request) => ({ status: 400, json: { errors: [echo(request)] } })],
  [
    'base64',
    ({ headers }) => ({
      status: 400,
      json: { message: Buffer.from(headers['authorization']?.slice(7) ?? '').toString('base64') },
    }),
  ],
  ['a URL', () => ({ status: 400, json: { message: `https://x/?key=${encodeURIComponent(KEY)}` } })],
  [
    'a message that is cut in the key',
    (request) => ({ status: 400, json: { message: `${'x'.repeat(260)}${echo(request)}` } }),
  ],
  ['an error of status 200', (request) => ({ json: { error: { message: echo(request) } } })],
  [
    'plain text',
    (request, response) => {
      response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(echo(request));
      return undefined;
    },
  ],
  [
    'a body that is cut in the key',
    (request, response) => {
      response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(`${'x'.repeat(64 * 1024 - 20)}${echo(request)}`);
      return undefined;
    },
  ],
  [
    'the content type',
    (request, response) => {
      response.writeHead(200, { 'content-type': request.headers['authorization']?.slice(7) ?? '' });
      response.end('no JSON');
      return undefined;
    },
  ],
  [
    'the place of a redirect',
    (request) => ({ status: 307, headers: { location: `/?k=${encodeURIComponent(echo(request))}` }, json: {} }),
  ],
  [
    'a garbled answer',
    (request, response) => {
      response.end(`{"data": "${echo(request)}`);
      return undefined;
    },
  ],
  [
    'the answer itself',
    (request) => ({
      json: {
        choices: [{ message: { content: echo(request) } }],
        message: { content: [{ type: 'text', text: echo(request) }] },
        data: [{ index: 0, embedding: echo(request) }],
      },
    }),
  ],
  ['a refusal', (request) => ({ json: { choices: [{ message: { content: '', refusal: echo(request) } }] } })],
];

it.each(ECHOES)('a key that comes back as %s is in no outcome', async (_what, handler) => {
  for (const runtime of ['openai', 'cohere'] as const) {
    const { model, server } = await setUp(handler, { runtime });
    const outcomes = [
      ...(await model.embed(['a'], never)),
      ...(await model.embed(['a', 'b'], never)),
      ...(await model.generate([generateItem({ kind: 'plain' })], never)),
      ...(await model.generate([generateItem({ kind: 'choice', choices: ['a', 'b'] })], never)),
      ...(await model.rerank([{ query: 'q', documents: ['d', 'e'], task: '', seed: 1 }], never)),
    ];
    expect(server.requests[0]?.headers['authorization']).toBe(`Bearer ${KEY}`);
    expect(outcomes.every(({ ok }) => !ok)).toBe(true);
    expectNoKey(outcomes);
  }
});

it.each([
  ['a line break inside', `${KEY.slice(0, 10)}\n${KEY.slice(10)}`],
  ['a letter beyond ASCII', `${KEY}ü`],
  ['a NUL', `${KEY}\0`],
])('a key with %s is refused without being shown', async (_what, key) => {
  for (const provider of [
    createOpenAiProvider({ env: { OPENAI_API_KEY: key } }),
    createCohereProvider({ env: { COHERE_API_KEY: key } }),
  ]) {
    const name = `${provider.runtime}/m`;
    const description = await provider.describe({ name });
    expect(description).toMatchObject({
      state: 'not_loadable',
      reason: expect.stringContaining('_API_KEY holds a character'),
    });
    expectNoKey(description);
    const registry = createModelRegistry({ providers: [provider] });
    expectNoKey(await registry.load(name, never).catch((error: unknown) => error));
  }
});

it('a key around which there is space is sent without it', async () => {
  const { model, server } = await setUp(() => ({ json: {} }), { env: { OPENAI_API_KEY: ` ${KEY}\r\n` } });
  await model.embed(['a'], never);
  expect(server.requests[0]?.headers['authorization']).toBe(`Bearer ${KEY}`);
});

it('a password in the address is refused without being shown', async () => {
  const provider = createOpenAiProvider({
    env: { OPENAI_BASE_URL: `https://user:${encodeURIComponent(KEY)}@localhost/v1` },
  });
  const description = await provider.describe({ name: 'openai/m' });
  expect(description).toMatchObject({
    state: 'not_loadable',
    reason: expect.stringContaining('user name or password'),
  });
  expectNoKey(description);
});

it('a key in the address’s query goes to the server and into no outcome', async () => {
  const { model, server } = await setUp(({ path }) => ({ status: 400, json: { error: path } }));
  const url = `${server.url}/v1?code=${encodeURIComponent(KEY)}`;
  const keyed = await createOpenAiProvider({ env: { OPENAI_BASE_URL: url } }).load({ name: 'openai/m' }, never);
  onTestFinished(() => keyed.close());
  expectNoKey([await keyed.embed(['a'], never), keyed.fingerprint, keyed.name]);
  expect(server.requests.at(-1)?.path).toBe(`/v1/embeddings?code=${encodeURIComponent(KEY)}`);
  await model.close();
});

it('the proxy of HTTP_PROXY is used, and its password is in no outcome', async () => {
  const seen: (string | undefined)[] = [];
  const proxy = createServer();
  // One that lets nothing through, and answers itself with what it should keep to itself.
  proxy.on('connect', (request, socket) => {
    seen.push(request.url);
    const login = request.headers['proxy-authorization'] ?? '';
    const words = `${login} ${Buffer.from(login.slice(6), 'base64').toString()}`;
    const body = JSON.stringify({ error: words });
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.once('data', () => {
      socket.end(`HTTP/1.1 400 No\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(async () => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const address = proxy.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const env = {
    OPENAI_BASE_URL: 'http://models.invalid/v1',
    LAMPLIGHTER_OPENAI_SERVER: 'other',
    HTTP_PROXY: `http://user:${encodeURIComponent(KEY)}@127.0.0.1:${port}`,
  };
  const model = await createOpenAiProvider({ env }).load({ name: 'openai/m' }, never);
  onTestFinished(() => model.close());
  const outcomes = await model.embed(['a'], never);
  expect(outcomes).toMatchObject([{ error: { message: expect.stringContaining('answered 400') } }]);
  expectNoKey(outcomes);
  expect(everythingIn(outcomes)).not.toContain(Buffer.from(`user:${encodeURIComponent(KEY)}`).toString('base64'));
  expect(everythingIn(outcomes)).not.toContain(Buffer.from(`user:${KEY}`).toString('base64'));
  expect(seen.length).toBeGreaterThan(0);
  expect(seen[0]).toBe('models.invalid:80');

  const direct = await createOpenAiProvider({ env: { ...env, NO_PROXY: 'models.invalid' } }).load(
    { name: 'openai/m' },
    never,
  );
  onTestFinished(() => direct.close());
  seen.length = 0;
  expect(await direct.embed(['a'], never)).toMatchObject([{ error: { message: expect.stringContaining('resolved') } }]);
  expect(seen).toEqual([]);
});

it.each([
  ['a space', `http://user:${KEY}@bad host`],
  ['a port that is none', `http://user:${encodeURIComponent(KEY)}@host:99999`],
  ['no scheme', `user:${encodeURIComponent(KEY)}@host`],
])('a proxy address with %s is refused without being shown', async (_what, proxy) => {
  for (const variable of ['HTTPS_PROXY', 'http_proxy']) {
    const provider = createOpenAiProvider({ env: { OPENAI_BASE_URL: 'http://localhost', [variable]: proxy } });
    const description = await provider.describe({ name: 'openai/m' });
    expect(description).toMatchObject({ state: 'not_loadable', reason: `${variable} is not an http or https URL` });
    expectNoKey(description);
  }
});
