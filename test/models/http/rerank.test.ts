import { describe, expect, it } from 'vitest';
import type { RerankItem } from '../../../src/models/port.ts';
import type { StubHandler } from './stub-server.ts';
import { never, setUp } from './support.ts';

const item: RerankItem = { query: 'q', documents: ['a', 'bb', 'ccc'], task: 'find', seed: 1 };
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Scores by a function of the document, listed best first as servers do. */
const scoring =
  (score: (document: string) => number, key: 'relevance_score' | 'score' = 'relevance_score'): StubHandler =>
  ({ body }) => {
    const documents: string[] = body.documents ?? body.texts;
    const results = documents
      .map((document, index) => ({ index, [key]: score(document) }))
      .sort((x, y) => Number(y[key]) - Number(x[key]));
    return { json: key === 'score' ? results : { results } };
  };

const probability = (document: string) => (document.startsWith('Paris') ? 0.99 : Math.min(0.9, document.length / 10));
const logit = (document: string) => {
  if (document.startsWith('Paris')) return 8.2;
  return document.startsWith('Bananas') ? -11 : document.length / 10;
};

describe('scores', () => {
  it('from 0 to 1 are taken as they are, in document order', async () => {
    const { model, server } = await setUp(scoring(probability));
    expect(await model.rerank([item], never)).toEqual([{ ok: true, value: [0.1, 0.2, 0.3] }]);
    expect(server.requests.at(-1)).toMatchObject({
      path: '/v1/rerank',
      body: { model: 'm', query: 'q', documents: ['a', 'bb', 'ccc'], top_n: 3 },
    });
  });

  it('of a model that gives logits go through a sigmoid, those between 0 and 1 too', async () => {
    const { model, server } = await setUp(scoring(logit));
    const [outcome] = await model.rerank([item], never);
    expect(outcome).toEqual({ ok: true, value: [0.1, 0.2, 0.3].map(sigmoid) });
    await model.rerank([item], never);
    // One question to find out, once.
    expect(server.requests).toHaveLength(3);
  });

  it('outside 0 to 1 prove logits, whatever the first question said', async () => {
    const { model } = await setUp(scoring((document) => (document === 'ccc' ? 4 : probability(document))));
    expect(await model.rerank([item], never)).toEqual([{ ok: true, value: [0.1, 0.2, 4].map(sigmoid) }]);
    expect(await model.rerank([{ ...item, documents: ['a'] }], never)).toEqual([{ ok: true, value: [sigmoid(0.1)] }]);
  });

  it('come from TEI as a list, asked for as texts with raw_scores off', async () => {
    const { model, server } = await setUp(scoring(probability, 'score'), { env: { LAMPLIGHTER_OPENAI_SERVER: 'tei' } });
    expect(await model.rerank([item], never)).toEqual([{ ok: true, value: [0.1, 0.2, 0.3] }]);
    expect(server.requests).toMatchObject([
      { path: '/rerank', body: { query: 'q', texts: ['a', 'bb', 'ccc'], raw_scores: false, truncate: true } },
    ]);
  });

  it.each(['/v1/rerank', '/v2/rerank', '/rerank'])('are found at %s', async (address) => {
    const { model, server } = await setUp((request, ...rest) =>
      request.path === address
        ? scoring(probability)(request, ...rest)
        : { status: 404, json: { detail: 'Not Found' } },
    );
    expect(await model.rerank([item], never)).toMatchObject([{ ok: true }]);
    server.requests.length = 0;
    expect(await model.rerank([item], never)).toMatchObject([{ ok: true }]);
    expect(server.requests.map(({ path }) => path)).toEqual([address]);
  });

  it('come from Cohere as they are, without a question to find out', async () => {
    const { model, server } = await setUp(scoring(probability), { runtime: 'cohere' });
    expect(await model.rerank([item], never)).toEqual([{ ok: true, value: [0.1, 0.2, 0.3] }]);
    expect(server.requests).toMatchObject([{ path: '/v2/rerank' }]);
  });

  it('of Cohere outside 0 to 1 have failed', async () => {
    const { model } = await setUp(scoring(logit), { runtime: 'cohere' });
    expect(await model.rerank([{ ...item, documents: ['Paris'] }], never)).toMatchObject([
      { error: { kind: 'failed' } },
    ]);
  });

  it.each([
    ['none', []],
    ['an index twice', [0, 0, 1].map((index) => ({ index, relevance_score: 0.5 }))],
    ['a score that is no number', [0, 1, 2].map((index) => ({ index, relevance_score: 'high' }))],
    ['a null', [0, 1, 2].map((index) => ({ index, relevance_score: null }))],
  ])('are never guessed from an answer with %s', async (_what, results) => {
    const { model } = await setUp(() => ({ json: { results } }));
    expect(await model.rerank([item], never)).toMatchObject([
      { error: { kind: 'failed', message: expect.stringContaining('did not give one score for each of') } },
    ]);
  });
});

describe('a server that does not rerank', () => {
  const lacks: StubHandler = () => ({ status: 404, json: { detail: 'Not Found' } });

  it('is not announced as one that does, and says why', async () => {
    const { model, server } = await setUp(lacks, { detect: lacks });
    expect(model.functions).not.toContain('rerank');
    expect(model.functions).toContain('embed');
    expect(model.refusals?.rerank).toMatch(
      /does not rerank: .* 404: Not Found \(at \/v1\/rerank, \/v2\/rerank, \/rerank\)$/,
    );
    expect(await model.rerank([item], never)).toMatchObject([
      { error: { kind: 'invalid', message: model.refusals?.rerank } },
    ]);
    expect(server.requests).toEqual([]);
  });

  it('and says so only when asked makes a request invalid at once, with the addresses', async () => {
    const { model } = await setUp(lacks);
    expect(await model.rerank([item], never)).toMatchObject([
      {
        error: {
          kind: 'invalid',
          message: expect.stringMatching(
            /does not rerank: .*404: Not Found \(at \/v1\/rerank, \/v2\/rerank, \/rerank\)$/,
          ),
        },
      },
    ]);
  });

  it('any more, though it did, charges nobody', async () => {
    const { model, server } = await setUp(scoring(probability));
    await model.rerank([item], never);
    server.handle(lacks);
    expect(await model.rerank([item], never)).toMatchObject([{ error: { kind: 'unavailable' } }]);
  });

  it.each([503, 400, 200])('is not what one is that answers %i when it is asked at first', async (status) => {
    const detect: StubHandler = ({ method }) => ({ status: method === 'GET' ? 404 : status, json: {} });
    const { model } = await setUp(scoring(probability), { detect });
    expect(await model.rerank([item], never)).toMatchObject([{ ok: true }]);
  });
});

it('a document that is refused makes its request invalid, by its number, and no other', async () => {
  const { model } = await setUp((request, ...rest) =>
    request.body.documents.includes('bad')
      ? { status: 413, json: { error: 'too long' } }
      : scoring(probability)(request, ...rest),
  );
  const outcomes = await model.rerank([{ ...item, documents: ['a', 'bad', 'c'] }, item], never);
  expect(outcomes).toMatchObject([
    { error: { kind: 'invalid', message: expect.stringMatching(/^Document 2 of 3: .*413: too long/) } },
    { ok: true },
  ]);
});

it('more documents than one request takes are asked for in parts', async () => {
  const { model, server } = await setUp(scoring((document) => Math.min(1, document.length / 1000)));
  const documents = Array.from({ length: 600 }, (_, i) => 'x'.repeat(i + 1));
  const [outcome] = await model.rerank([{ ...item, documents }], never);
  expect(outcome).toEqual({ ok: true, value: documents.map(({ length }) => length / 1000) });
  expect(server.requests.length).toBeGreaterThan(3);
});
