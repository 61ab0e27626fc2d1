import { EventEmitter, getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { embedTexts } from '../../../src/models/answer-requests.ts';
import { createOpenAiProvider } from '../../../src/models/http/openai-provider.ts';
import { embeddingsAnswer, type StubHandler } from './stub-server.ts';
import { createTestClock, never, setUp } from './support.ts';

const status =
  (code: number, headers: Record<string, string> = {}, message = 'so it is'): StubHandler =>
  () => ({
    status: code,
    headers,
    json: { error: { message } },
  });

/** What one text is told by a server that does that. */
async function errorOf(handler: StubHandler, texts: readonly string[] = ['a']) {
  const { model, server } = await setUp(handler);
  const [outcome] = await embedTexts(model, texts, never);
  if (outcome?.ok !== false) throw new Error('it was answered');
  return { ...outcome.error, server };
}

describe('an answer with the status', () => {
  it.each([
    [400, 'invalid'],
    [413, 'invalid'],
    [422, 'invalid'],
    [404, 'unavailable'],
    [405, 'unavailable'],
    [501, 'unavailable'],
    [401, 'unavailable'],
    [403, 'unavailable'],
    [408, 'unavailable'],
    [409, 'unavailable'],
    [429, 'unavailable'],
    [500, 'unavailable'],
    [502, 'unavailable'],
    [503, 'unavailable'],
    [504, 'unavailable'],
    [529, 'unavailable'],
    [418, 'unavailable'],
  ])('%i makes a text %s', async (code, kind) => {
    expect(await errorOf(status(code))).toMatchObject({ kind, message: expect.stringContaining(String(code)) });
  });

  it('401 names the variable to check, and says nothing that the server said', async () => {
    const { message } = await errorOf(status(401, {}, 'Incorrect API key provided: sk-te...'));
    expect(message).toMatch(/^http:\/\/127\.0\.0\.1:\d+ does not take the key \(401\): check OPENAI_API_KEY$/);
  });

  it('401 to a request without a key names the variable to set', async () => {
    const { model } = await setUp(status(401), { env: { OPENAI_API_KEY: undefined } });
    expect(await embedTexts(model, ['a'], never)).toMatchObject([
      { error: { message: expect.stringMatching(/asks for a key \(401\): set OPENAI_API_KEY$/) } },
    ]);
  });

  it('429 makes a text invalid that is over the limit by itself', async () => {
    const message = 'Request too large for m on tokens per min (TPM): Limit 30000, Requested 49634.';
    expect(await errorOf(status(429, {}, message))).toMatchObject({ kind: 'invalid' });
  });

  it('200 and an error inside counts as the error', async () => {
    const handler: StubHandler = () => ({ json: { error: { message: 'slow down', code: 429 } } });
    expect(await errorOf(handler)).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('answered 429: slow down'),
    });
  });
});

describe('200 with an error that names no status', () => {
  const broken: StubHandler = () => ({ json: { error: { message: 'upstream gone', code: 'upstream_error' } } });

  it('is told as what it is, and nobody is charged', async () => {
    expect(await errorOf(broken)).toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/^http:\S+ answered with an error: upstream gone$/),
    });
  });

  it('fails for the text alone that causes it', async () => {
    const { model } = await setUp((request, ...rest) =>
      request.body.input.includes('poison') ? broken(request, ...rest) : embeddingsAnswer(request.body),
    );
    expect(await embedTexts(model, ['a', 'poison', 'b', 'c'], never)).toMatchObject([
      { ok: true },
      { error: { kind: 'failed', message: expect.stringContaining('answered with an error: upstream gone') } },
      { ok: true },
      { ok: true },
    ]);
  });
});

describe('the pause that a server asks for', () => {
  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '250', 'retry-after': '7' }, 250],
    [{ date: 'Fri, 20 Nov 2026 10:00:00 GMT', 'retry-after': 'Fri, 20 Nov 2026 10:00:42 GMT' }, 42_000],
    [{ date: 'Fri, 20 Nov 2026 10:00:00 GMT', 'retry-after': 'Fri, 20 Nov 2026 09:00:00 GMT' }, 0],
    [{ 'retry-after': '999999' }, 3_600_000],
    [{ 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0.5s' }, 360_500],
    [{ 'x-ratelimit-remaining-tokens': '5', 'x-ratelimit-reset-tokens': '6m0s' }, undefined],
    [{ 'ratelimit-reset': '12' }, 12_000],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('is read from %j', async (headers: Record<string, string>, expected) => {
    expect((await errorOf(status(429, headers))).retryAfterMs).toBe(expected);
  });
});

describe.each([
  ['503', 503, {}],
  ['529', 529, {}],
  ['a pause', 500, { 'retry-after': '20' }],
])('a server that answers a long text with %s, and short ones well', (_, code, headers: Record<string, string>) => {
  const busy: StubHandler = ({ body }) =>
    body.input[0] === 'long' ? { status: code, headers, json: {} } : embeddingsAnswer(body);

  it('is not asked for it again at once, and charges it nothing until it has answered others in between', async () => {
    const { model, server } = await setUp(busy);
    const kinds: unknown[] = [];
    for (let turn = 0; turn < 3; turn++) {
      server.requests.length = 0;
      const [outcome] = await embedTexts(model, ['long'], never);
      kinds.push(outcome?.ok === false && outcome.error.kind);
      // The text, and the canary.
      expect(server.requests).toHaveLength(2);
      expect(await embedTexts(model, [`short ${turn}`], never)).toMatchObject([{ ok: true }]);
    }
    expect(kinds).toEqual(['unavailable', 'unavailable', 'failed']);
  });

  it('comes to charge it where nothing else is asked, later', async () => {
    const { model } = await setUp(busy);
    const kinds: unknown[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const [outcome] = await embedTexts(model, ['long'], never);
      kinds.push(outcome?.ok === false && outcome.error.kind);
    }
    expect(kinds).toEqual([...Array(5).fill('unavailable'), 'failed']);
  });
});

describe('an answer that is none', () => {
  const raw =
    (text: string, contentType = 'application/json'): StubHandler =>
    (_request, response) => {
      response.writeHead(200, { 'content-type': contentType });
      response.end(text);
      return undefined;
    };

  it('as JSON is cut short or garbled is nobody’s fault', async () => {
    expect(await errorOf(raw('{"data": [{"index": 0, "embe'))).toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/answered with JSON that is cut short or garbled$/),
    });
  });

  it('but a page of HTML says which variable to check', async () => {
    const { kind, message } = await errorOf(raw('<html>hello</html>', 'text/html; charset=utf-8'));
    expect(kind).toBe('unavailable');
    expect(message).toMatch(/answered with something other than JSON \(text\/html\): check OPENAI_BASE_URL$/);
  });

  it('with the wrong content type is read when it is JSON', async () => {
    const { model } = await setUp(({ body }, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end(JSON.stringify(embeddingsAnswer(body).json));
      return undefined;
    });
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ ok: true }]);
  });

  it('and ends before its announced length is nobody’s fault', async () => {
    const handler: StubHandler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"data": [');
      setImmediate(() => response.destroy());
      return undefined;
    };
    expect(await errorOf(handler)).toMatchObject({ kind: 'unavailable', message: expect.stringMatching(/cut/) });
  });

  it('as it is larger than 64 MiB is not read to its end', async () => {
    let sent = 0;
    const handler: StubHandler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const piece = Buffer.alloc(1024 * 1024, ' ');
      const pour = () => {
        while (!response.destroyed && sent < 400) {
          sent += 1;
          if (!response.write(piece)) return;
        }
      };
      response.on('drain', pour);
      pour();
      return undefined;
    };
    const { kind, message } = await errorOf(handler);
    expect(kind).toBe('failed');
    expect(message).toContain('The answer is larger than 67108864 bytes');
    expect(sent).toBeLessThan(200);
  });

  it('but a redirect is not followed, and the other host gets nothing', async () => {
    const other = await setUp(({ body }) => embeddingsAnswer(body));
    for (const code of [301, 302, 307, 308]) {
      const { kind, message } = await errorOf(() => ({
        status: code,
        headers: { location: `${other.server.url}/v1/embeddings` },
        json: {},
      }));
      expect(kind).toBe('unavailable');
      expect(message).toContain(`redirects elsewhere (${code})`);
    }
    expect(other.server.requests).toEqual([]);
  });

  it('within the time limit is given up, and the connection with it', async () => {
    const clock = createTestClock();
    const arrivals = new EventEmitter();
    const { model, server } = await setUp(
      () => {
        arrivals.emit('arrival');
        return new Promise(() => undefined);
      },
      { clock },
    );
    const request = once(arrivals, 'arrival');
    const outcomes = embedTexts(model, ['a'], never);
    await request;
    const canary = once(arrivals, 'arrival');
    clock.advance(61_000);
    await canary;
    clock.advance(20_000);
    expect(await outcomes).toMatchObject([
      { error: { kind: 'unavailable', message: expect.stringContaining('gave no answer within 61 s') } },
    ]);
    await goneOf(server.requests[0]?.gone);
  });

  it('when the caller aborts is not waited for, and the server sees it go', async () => {
    const caller = new AbortController();
    const { model, server } = await setUp(() => {
      caller.abort(new Error('enough'));
      return new Promise(() => undefined);
    });
    await expect(embedTexts(model, ['a'], caller.signal)).rejects.toThrow('enough');
    await goneOf(server.requests[0]?.gone);
  });
});

describe('a server that is not there', () => {
  it('is said to refuse connections, and nobody is charged', async () => {
    const { model, server } = await setUp(({ body }) => embeddingsAnswer(body));
    await server.stop();
    // It finds the end of the connection that was there.
    await embedTexts(model, ['a', 'b'], never);
    expect(await embedTexts(model, ['a', 'b'], never)).toMatchObject([
      { error: { kind: 'unavailable', message: expect.stringMatching(/refuses connections \(ECONNREFUSED\)$/) } },
      { error: { kind: 'unavailable' } },
    ]);
  });

  it('while a model loads does not keep it from answering later', async () => {
    const { model, server } = await setUp(({ body }) => embeddingsAnswer(body));
    const port = new URL(server.url).port;
    await server.stop();
    const provider = createOpenAiProvider({ env: { OPENAI_BASE_URL: `http://127.0.0.1:${port}` } });
    const loaded = await provider.load({ name: 'openai/m' }, never);
    onTestFinished(() => loaded.close());
    expect(loaded.functions).toEqual(model.functions);
  });

  it('any more for a connection that was idle is asked once more', async () => {
    let posts = 0;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        if (data.toString().startsWith('POST /v1/embeddings')) posts += 1;
        if (posts === 1) return socket.destroy();
        const body = JSON.stringify({ data: [{ index: 0, embedding: [3, 4] }] });
        return socket.end(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
      });
    }).listen(0, '127.0.0.1');
    onTestFinished(async () => {
      server.close();
    });
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const env = { OPENAI_BASE_URL: `http://127.0.0.1:${port}`, LAMPLIGHTER_OPENAI_SERVER: 'other' };
    const model = await createOpenAiProvider({ env }).load({ name: 'openai/m' }, never);
    onTestFinished(() => model.close());
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ ok: true }]);
    expect(posts).toBe(2);
  });
});

describe('the breaker', () => {
  it('opens after five failures, lets a canary through after its pause, and closes with its success', async () => {
    const clock = createTestClock();
    let isDown = true;
    const { model, server } = await setUp(
      ({ body }) => (isDown ? { status: 503, json: { error: 'no slot free' } } : embeddingsAnswer(body)),
      {
        clock,
      },
    );
    const ask = async () => (await embedTexts(model, ['a'], never))[0];
    for (let i = 0; i < 5; i++)
      expect(await ask()).toMatchObject({ error: { message: expect.stringContaining('503') } });
    expect(await ask()).toMatchObject({
      error: {
        kind: 'unavailable',
        message: expect.stringMatching(/answered 503: no slot free \(several times in a row, so it is left alone/),
        retryAfterMs: expect.any(Number),
      },
    });
    // The text, and from then on only canaries.
    expect(server.requests).toHaveLength(6);
    clock.advance(1_000);
    expect(await ask()).toMatchObject({ error: { message: expect.stringContaining('503') } });
    expect(await ask()).toMatchObject({ error: { message: expect.stringContaining('left alone') } });
    expect(server.requests).toHaveLength(7);
    isDown = false;
    clock.advance(2_000);
    expect(await ask()).toMatchObject({ ok: true });
    expect(await ask()).toMatchObject({ ok: true });
    expect(server.requests).toHaveLength(10);
  });

  it('stays open for as long as the server asked', async () => {
    const clock = createTestClock();
    const { model, server } = await setUp(status(429, { 'retry-after': '30' }), { clock });
    for (let i = 0; i < 5; i++) await embedTexts(model, ['a'], never);
    clock.advance(29_000);
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ error: { retryAfterMs: 1_000 } }]);
    expect(server.requests).toHaveLength(5);
  });

  it('opens for a server that breaks on each request and refuses the canary', async () => {
    const { model, server } = await setUp(({ body }) => ({
      status: body.input[0] === 'Hello' ? 400 : 500,
      json: { error: { message: 'so it is' } },
    }));
    for (let i = 0; i < 8; i++) await embedTexts(model, [`text ${i}`], never);
    // Five texts, each with a canary.
    expect(server.requests).toHaveLength(10);
  });

  it('does not open for requests that are refused', async () => {
    const { model, server } = await setUp(status(400));
    for (let i = 0; i < 8; i++) await embedTexts(model, ['a'], never);
    expect(server.requests).toHaveLength(8);
  });
});

describe('more than 64 calls at once', () => {
  it('wait for their turn', async () => {
    let running = 0;
    let most = 0;
    const { model } = await setUp(async ({ body }) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return embeddingsAnswer(body);
    });
    const calls = Array.from({ length: 200 }, (_, i) => embedTexts(model, [`text ${i}`], new AbortController().signal));
    expect((await Promise.all(calls)).flat().every(({ ok }) => ok)).toBe(true);
    expect(most).toBeLessThanOrEqual(64);
    expect(most).toBeGreaterThan(1);
  });
});

it('many requests of one call are few listeners of its signal', async () => {
  const { signal } = new AbortController();
  let most = 0;
  const { model } = await setUp(({ body }) => {
    most = Math.max(most, getEventListeners(signal, 'abort').length);
    return embeddingsAnswer(body);
  });
  const texts = Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(200_000, 'x'));
  expect((await embedTexts(model, texts, signal)).every(({ ok }) => ok)).toBe(true);
  expect(most).toBeLessThanOrEqual(2);
});

async function goneOf(gone: AbortSignal | undefined): Promise<void> {
  if (gone === undefined) throw new Error('No request came');
  if (!gone.aborted) await once(gone, 'abort', { signal: AbortSignal.timeout(5_000) });
}
