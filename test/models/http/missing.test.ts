import { describe, expect, it } from 'vitest';
import { embedTexts } from '../../../src/models/answer-requests.ts';
import { embeddingsAnswer, type StubHandler } from './stub-server.ts';
import { generateItem, never, setUp } from './support.ts';

describe('a server without the address of a function', () => {
  const lists: StubHandler = ({ path }) =>
    path === '/v1/models' ? { json: { data: [{ id: 'm' }] } } : { status: 404, json: {} };
  const lacks: StubHandler = () => ({ status: 404, json: { detail: 'Not Found' } });

  it('that lists its models makes texts and prompts invalid at once, with the address', async () => {
    const { model } = await setUp(lacks, { detect: lists });
    expect(await embedTexts(model, ['a', 'b'], never)).toMatchObject([
      {
        error: { kind: 'invalid', message: expect.stringMatching(/404: Not Found \(at \/v1\/embeddings, which this/) },
      },
      { error: { kind: 'invalid' } },
    ]);
    expect(await model.generate([generateItem({ kind: 'plain' })], never)).toMatchObject([
      { error: { kind: 'invalid', message: expect.stringContaining('/v1/chat/completions') } },
    ]);
  });

  it.each([
    'No endpoints found matching your data policy. Configure: https://openrouter.ai/settings/privacy',
    'The API deployment for this resource does not exist.',
    '',
  ])('or that says something else, charges nobody, and says what to check: %j', async (message) => {
    const { model } = await setUp(() => ({ status: 404, json: { error: { message } } }), { detect: lists });
    const expected = {
      kind: 'unavailable',
      message: expect.stringMatching(/check the name of the model, and what the server allows this key$/),
      retryAfterMs: 60_000,
    };
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ error: expected }]);
    expect(await model.generate([generateItem({ kind: 'plain' })], never)).toMatchObject([{ error: expected }]);
  });

  it('and of all others charges nobody, and says which variable to check', async () => {
    const { model } = await setUp(lacks);
    expect(await embedTexts(model, ['a'], never)).toMatchObject([
      {
        error: {
          kind: 'unavailable',
          message: expect.stringMatching(/404: Not Found \(at \/v1\/embeddings\): check OPENAI_BASE_URL$/),
          retryAfterMs: 60_000,
        },
      },
    ]);
  });

  it('that has answered there before charges nobody: it comes back', async () => {
    const { model, server } = await setUp(({ body }) => embeddingsAnswer(body), { detect: lists });
    await embedTexts(model, ['a'], never);
    server.handle(lacks);
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ error: { kind: 'unavailable' } }]);
    server.handle(({ body }) => embeddingsAnswer(body));
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ ok: true }]);
  });

  it('or without the model charges nobody, as it may be loaded there later', async () => {
    const missing: StubHandler = () => ({
      status: 404,
      json: { error: { message: 'model "m" not found, try pulling it' } },
    });
    const { model, server } = await setUp(missing, { detect: lists });
    expect(await embedTexts(model, ['a'], never)).toMatchObject([
      { error: { kind: 'unavailable', message: expect.stringContaining('model "m" not found, try pulling it') } },
    ]);
    server.handle(({ body }) => embeddingsAnswer(body));
    expect(await embedTexts(model, ['a'], never)).toMatchObject([{ ok: true }]);
  });
});
