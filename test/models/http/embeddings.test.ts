import { describe, expect, it } from 'vitest';
import { embedTexts } from '../../../src/models/answer-requests.ts';
import { base64Of, embeddingsAnswer, type StubAnswer, stubVector } from './stub-server.ts';
import { never, setUp } from './support.ts';

function normalised(vector: readonly number[]): number[] {
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

function expectVector(actual: unknown, vector: readonly number[]): void {
  expect(actual).toMatchObject({ ok: true });
  const { value } = actual as { value: Float32Array };
  expect(value).toBeInstanceOf(Float32Array);
  normalised(vector).forEach((expected, i) => {
    expect(value[i]).toBeCloseTo(expected, 6);
  });
}

const answer = (vectors: readonly (readonly unknown[])[]): StubAnswer => ({
  json: { data: vectors.map((embedding, index) => ({ index, embedding })) },
});

describe('embeddings of an OpenAI-compatible server', () => {
  it('come normalised and in the order asked, from base64', async () => {
    const { model, server } = await setUp(({ body }) => embeddingsAnswer(body));
    const outcomes = await embedTexts(model, ['one', 'three'], never);
    expectVector(outcomes[0], stubVector('one'));
    expectVector(outcomes[1], stubVector('three'));
    expect(server.requests).toMatchObject([
      { path: '/v1/embeddings', body: { model: 'm', input: ['one', 'three'], encoding_format: 'base64' } },
    ]);
    expect(server.requests[0]?.headers['authorization']).toMatch(/^Bearer sk-test/);
  });

  it('come from plain numbers too, as servers send that do not know base64', async () => {
    const { model } = await setUp(({ body }) => embeddingsAnswer({ input: body.input }));
    expectVector((await embedTexts(model, ['one'], never))[0], stubVector('one'));
  });

  it('are asked for as numbers from a server that refuses base64, once and for all', async () => {
    const { model, server } = await setUp(({ body }) =>
      body.encoding_format === undefined
        ? embeddingsAnswer(body)
        : { status: 400, json: { error: { message: 'Unknown field', param: 'encoding_format' } } },
    );
    expectVector((await embedTexts(model, ['one'], never))[0], stubVector('one'));
    expectVector((await embedTexts(model, ['two'], never))[0], stubVector('two'));
    expect(server.requests).toHaveLength(3);
  });

  it('are put in order by their index', async () => {
    const { model } = await setUp(({ body }) => ({
      json: {
        data: body.input.map((text: string, index: number) => ({ index, embedding: stubVector(text) })).reverse(),
      },
    }));
    const outcomes = await embedTexts(model, ['a', 'bb', 'ccc'], never);
    ['a', 'bb', 'ccc'].forEach((text, i) => {
      expectVector(outcomes[i], stubVector(text));
    });
  });

  it('come with the tokens that the server tells, shared among the texts of a request', async () => {
    const { model } = await setUp(({ body }) => ({
      json: {
        data: body.input.map((text: string, index: number) => ({ index, embedding: stubVector(text) })),
        usage: { prompt_tokens: 30, total_tokens: 30 },
      },
    }));
    const outcomes = await model.embed(['a'.repeat(9), 'a'.repeat(19)], never);
    expect(outcomes.map((outcome) => outcome.ok && outcome.tokens)).toEqual([10, 20]);
    expect(outcomes).toMatchObject([{ ok: true }, { ok: true }]);
    expect(outcomes.map((outcome) => outcome.ok && outcome.isTruncated)).toEqual([undefined, undefined]);
  });

  it('carry the dimensions and the input type of the selection', async () => {
    const selection = { dimensions: 3, inputType: 'query' };
    const { model, server } = await setUp(({ body }) => embeddingsAnswer(body, 3), { selection });
    await embedTexts(model, ['one'], never);
    expect(server.requests).toMatchObject([{ body: { dimensions: 3, input_type: 'query' } }]);
    expect(model.dimensions).toBe(3);
  });

  it('of another length than asked for fail', async () => {
    const { model } = await setUp(({ body }) => embeddingsAnswer(body, 4), { selection: { dimensions: 3 } });
    expect(await embedTexts(model, ['one'], never)).toMatchObject([
      { error: { kind: 'failed', message: 'The server gave a vector of 4 dimensions instead of 3' } },
    ]);
  });

  it('of another length than the first fail', async () => {
    const { model } = await setUp(({ body }) => embeddingsAnswer(body, body.input[0]?.length));
    expect(await embedTexts(model, ['four'], never)).toMatchObject([{ ok: true }]);
    expect(await embedTexts(model, ['seven..'], never)).toMatchObject([
      {
        error: { kind: 'failed', message: expect.stringContaining('7 dimensions instead of 4, unlike its first one') },
      },
    ]);
  });

  it.each([
    ['zeros', [0, 0, 0], 'a vector of zeros'],
    ['no numbers', [], 'an empty vector'],
    ['a null', [1, null, 2], 'not a finite number'],
    ['a text', [1, 'x', 2], 'not a finite number'],
    ['a number beyond float32', [1e300, 1], 'not a finite number'],
  ])('that hold %s fail alone', async (_what, wrong, message) => {
    const { model } = await setUp(() => answer([[1, 2, 3], wrong, [3, 2, 1]]));
    expect(await embedTexts(model, ['a', 'b', 'c'], never)).toMatchObject([
      { ok: true },
      { error: { kind: 'failed', message: expect.stringContaining(message) } },
      { ok: true },
    ]);
  });

  it.each([
    ['NaN', base64Of([1, Number.NaN])],
    ['infinity', base64Of([1, Number.POSITIVE_INFINITY])],
    ['half a number', base64Of([1, 2]).slice(0, 8)],
    ['no base64', '$$$$$$$$$$$'],
    ['something else after it', `${base64Of([1, 2, 3])}$$$$`],
  ])('whose base64 holds %s fail', async (_what, embedding) => {
    const { model } = await setUp(() => ({ json: { data: [{ index: 0, embedding }] } }));
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ error: { kind: 'failed' } }]);
  });

  it.each([
    ['too few', [{ index: 0, embedding: [1] }]],
    ['too many', [0, 1, 2].map((index) => ({ index, embedding: [1] }))],
    ['an index twice', [0, 0].map((index) => ({ index, embedding: [1] }))],
    ['an index out of range', [0, 2].map((index) => ({ index, embedding: [1] }))],
    ['an index for some', [{ index: 0, embedding: [1] }, { embedding: [1] }]],
    ['something else', 'hello'],
    ['nothing', undefined],
  ])('are never guessed from an answer with %s', async (_what, data) => {
    const { model } = await setUp(({ body }) =>
      body.input.length === 1 ? embeddingsAnswer(body) : { json: { data } },
    );
    const outcomes = await embedTexts(model, ['a', 'bb'], never);
    expectVector(outcomes[0], stubVector('a'));
    expectVector(outcomes[1], stubVector('bb'));
  });

  it('that are wrong for one text alone fail for it, with what was wrong', async () => {
    const { model } = await setUp(() => ({ json: { data: [] } }));
    expect(await embedTexts(model, ['a'], never)).toMatchObject([
      {
        error: {
          kind: 'failed',
          message: expect.stringMatching(/^http:.* did not give one vector for each of 1 texts$/),
        },
      },
    ]);
  });
});

describe('a batch', () => {
  it('is cut at 256 texts and at 256 KiB', async () => {
    const { model, server } = await setUp(({ body }) => embeddingsAnswer(body));
    const outcomes = await embedTexts(
      model,
      Array.from({ length: 300 }, (_, i) => `text ${i}`),
      never,
    );
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(server.requests.map(({ body }) => body.input.length).sort()).toEqual([256, 44]);
    server.requests.length = 0;
    await embedTexts(model, ['x'.repeat(200_000), 'y'.repeat(200_000), 'z'], never);
    expect(server.requests.map(({ body }) => body.input.length).sort()).toEqual([1, 2]);
  });

  it('with one text that is refused fails for that text only', async () => {
    const { model, server } = await setUp(({ body }) =>
      body.input.includes('bad')
        ? { status: 400, json: { error: { message: "This model's maximum context length is 512 tokens" } } }
        : embeddingsAnswer(body),
    );
    const texts = Array.from({ length: 64 }, (_, i) => (i === 37 ? 'bad' : `text ${i}`));
    const outcomes = await embedTexts(model, texts, never);
    expect(outcomes.flatMap((outcome, i) => (outcome.ok ? [] : [i]))).toEqual([37]);
    expect(outcomes[37]).toMatchObject({
      error: { kind: 'invalid', message: expect.stringContaining('answered 400: This model') },
    });
    expect(server.requests.length).toBeLessThanOrEqual(13);
  });

  it.each([500, 424, 502, 503, 403])(
    'with one text that breaks the server is charged for that text only, each time: %i',
    async (status) => {
      const { model, server } = await setUp(({ body }) =>
        body.input.includes('poison') ? { status, json: { error: 'boom' } } : embeddingsAnswer(body),
      );
      const texts = ['poison', ...Array.from({ length: 30 }, (_, i) => `text ${i}`)];
      for (let round = 0; round < 8; round++) {
        server.requests.length = 0;
        const outcomes = await embedTexts(model, texts, never);
        expect(outcomes.slice(1).every(({ ok }) => ok)).toBe(true);
        // A server that says it is busy is believed twice.
        const kind = status === 503 && round < 2 ? 'unavailable' : 'failed';
        expect(outcomes[0]).toMatchObject({ error: { kind, message: expect.stringContaining(`${status}`) } });
        expect(server.requests.length).toBeLessThanOrEqual(15);
      }
    },
  );

  it('that is refused as a whole is not taken apart to the last text', async () => {
    const { model, server } = await setUp(() => ({ status: 400, json: { error: { message: 'no dimensions here' } } }));
    const outcomes = await embedTexts(
      model,
      Array.from({ length: 256 }, (_, i) => `text ${i}`),
      never,
    );
    expect(outcomes.every(({ ok }) => !ok)).toBe(true);
    expect(server.requests.length).toBeLessThan(40);
    expect(outcomes.at(-1)).toMatchObject({ error: { kind: 'unavailable' } });
  });

  it('larger than the server takes teaches the size it takes', async () => {
    const { model, server } = await setUp(({ body }) =>
      body.input.length > 32
        ? { status: 422, json: { error: 'batch size > maximum allowed batch size 32' } }
        : embeddingsAnswer(body),
    );
    const texts = Array.from({ length: 128 }, (_, i) => `text ${i}`);
    expect((await embedTexts(model, texts, never)).every(({ ok }) => ok)).toBe(true);
    server.requests.length = 0;
    expect((await embedTexts(model, texts, never)).every(({ ok }) => ok)).toBe(true);
    expect(server.requests.map(({ body }) => body.input.length)).toEqual([32, 32, 32, 32]);
  });

  it('goes to Cohere as texts with an input type, at most 96 at a time', async () => {
    const { model, server } = await setUp(
      ({ body }) => ({ json: { embeddings: { float: body.texts.map((text: string) => stubVector(text)) } } }),
      { runtime: 'cohere', selection: { inputType: 'search_query', dimensions: 4 } },
    );
    const outcomes = await embedTexts(
      model,
      Array.from({ length: 100 }, (_, i) => `text ${i}`),
      never,
    );
    outcomes.forEach((outcome, i) => {
      expectVector(outcome, stubVector(`text ${i}`));
    });
    expect(server.requests[0]).toMatchObject({
      path: '/v2/embed',
      body: { model: 'm', input_type: 'search_query', embedding_types: ['float'], output_dimension: 4 },
    });
    expect(server.requests.map(({ body }) => body.texts.length).sort()).toEqual([4, 96]);
  });
});
