import { describe, expect, it, onTestFinished } from 'vitest';
import { createOpenAiProvider } from '../../../src/models/http/openai-provider.ts';
import { chatAnswer, embeddingsAnswer, type StubHandler, startStubServer } from './stub-server.ts';
import { generateItem, KEY, never } from './support.ts';

const nothing = { status: 404, json: {} };
const lists =
  (owned_by: string, ids = ['m']): StubHandler =>
  ({ path }) =>
    path === '/v1/models' ? { json: { data: ids.map((id) => ({ id, owned_by })) } } : nothing;
const only =
  (address: string, json: unknown): StubHandler =>
  ({ path }) =>
    path === address ? { json } : nothing;

/** Loads a model from such a server, and asks it for a choice. */
async function open(detect: StubHandler, env: Record<string, string> = {}, name = 'openai/m') {
  const server = await startStubServer(detect);
  onTestFinished(() => server.stop());
  const provider = createOpenAiProvider({ env: { OPENAI_BASE_URL: server.url, OPENAI_API_KEY: KEY, ...env } });
  const model = await provider.load({ name }, never);
  onTestFinished(() => model.close());
  const probes = server.requests.splice(0);
  const chat: StubHandler = (request, ...rest) =>
    request.method === 'GET' ? detect(request, ...rest) : chatAnswer('yes');
  server.handle(chat);
  const ask = async () => {
    await model.generate([generateItem({ kind: 'choice', choices: ['yes', 'no'] })], never);
    return Object.keys(server.requests.filter(({ method }) => method === 'POST').at(-1)?.body ?? {});
  };
  return { server, model, probes, ask };
}

describe('what program a server is', () => {
  it.each<[string, StubHandler, string]>([
    ['vLLM by its models', lists('vllm'), 'structured_outputs'],
    ['llama-server by its models', lists('llamacpp'), 'grammar'],
    ['the Python server of llama.cpp by its models', lists('me'), 'grammar'],
    ['Ollama by its models', lists('library'), 'response_format'],
    ['llama-server by its properties', only('/props', { default_generation_settings: {} }), 'grammar'],
    ['Ollama by its version', only('/api/version', { version: '0.12.0' }), 'response_format'],
    ['another by nothing', lists('someone'), 'response_format'],
    ['another that answers with garbage', () => ({ json: 'garbage' }), 'response_format'],
  ])('is found out: %s', async (_what, detect, field) => {
    const { ask, probes } = await open(detect);
    expect(await ask()).toContain(field);
    // And whether it reranks.
    expect(probes.every(({ method, path }) => method === 'GET' || path.endsWith('/rerank'))).toBe(true);
  });

  it('can be said', async () => {
    const { ask } = await open(() => nothing, { LAMPLIGHTER_OPENAI_SERVER: 'llama-server' });
    expect(await ask()).toContain('grammar');
  });

  it('is found out later when it was down at first', async () => {
    let isDown = true;
    const { ask } = await open((request, response, socket) => {
      if (isDown) {
        socket.destroy();
        return undefined;
      }
      return lists('llamacpp')(request, response, socket);
    });
    isDown = false;
    expect(await ask()).toContain('grammar');
  });

  it.each([503, 429])('is found out later when it answered only %i at first, as it was starting', async (status) => {
    let isStarting = true;
    const { ask } = await open((request, response, socket) =>
      isStarting
        ? { status, json: { error: { message: 'Loading model' } } }
        : lists('llamacpp')(request, response, socket),
    );
    isStarting = false;
    expect(await ask()).toContain('grammar');
  });

  it('is asked once for all requests that wait to know it', async () => {
    let isDown = true;
    const { server, ask } = await open((request, response, socket) => {
      if (!isDown) return lists('llamacpp')(request, response, socket);
      socket.destroy();
      return undefined;
    });
    isDown = false;
    await Promise.all(Array.from({ length: 8 }, ask));
    expect(server.requests.filter(({ method }) => method === 'GET')).toHaveLength(1);
    expect(server.requests.filter(({ body }) => body?.grammar !== undefined)).toHaveLength(8);
  });

  it('that is TEI tells what it serves and how much at once', async () => {
    const info = (type: string) =>
      only('/info', { model_id: 'x', model_type: { [type]: {} }, max_client_batch_size: 32 });
    const embedder = await open(info('embedding'));
    expect(embedder.model.functions).toEqual(['embed']);
    expect(embedder.model.maxBatch.embed).toBe(32);
    expect((await open(info('reranker'))).model.functions).toEqual(['rerank']);
  });

  it('and that it lacks a model, is said when the model loads', async () => {
    await expect(open(lists('vllm', ['mistral']), {}, 'openai/mistrall')).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringMatching(/has no model "mistrall"\..*mistral\b/),
    });
    await expect(open(lists('library', ['llama3:latest']), {}, 'openai/llama3')).resolves.toBeDefined();
    // Servers of one model answer to any name.
    await expect(open(lists('llamacpp', ['model.gguf']))).resolves.toBeDefined();
  });

  it('is asked with the key', async () => {
    const { probes } = await open(() => nothing);
    expect(probes.length).toBeGreaterThan(0);
    expect(probes.every(({ headers }) => headers['authorization'] === `Bearer ${KEY}`)).toBe(true);
  });

  it('stops being asked when the load is aborted', async () => {
    const server = await startStubServer(() => new Promise(() => undefined));
    onTestFinished(() => server.stop());
    const caller = new AbortController();
    const loading = createOpenAiProvider({ env: { OPENAI_BASE_URL: server.url } }).load(
      { name: 'openai/m' },
      caller.signal,
    );
    caller.abort(new Error('enough'));
    await expect(loading).rejects.toThrow('enough');
  });
});

it('plain completion is used where the environment says so', async () => {
  const { server, model } = await open(() => nothing, { LAMPLIGHTER_OPENAI_API: 'completions' });
  server.handle(({ body }) => ({ json: { choices: [{ text: ` after ${body.prompt}`, finish_reason: 'length' }] } }));
  expect(await model.generate([generateItem({ kind: 'plain' })], never)).toEqual([
    { ok: true, value: ' after Say something' },
  ]);
  expect(server.requests.map(({ path }) => path)).toEqual(['/v1/completions']);
});

it('closing a model waits for what is under way', async () => {
  const { server, model } = await open(() => nothing);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let arrived: () => void = () => undefined;
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  server.handle(async ({ body }) => {
    arrived();
    await held;
    return embeddingsAnswer(body);
  });
  const order: string[] = [];
  const answer = model.embed(['a'], never).then(() => order.push('answered'));
  await arrival;
  const closed = model.close().then(() => order.push('closed'));
  release();
  await Promise.all([answer, closed]);
  expect(order).toEqual(['answered', 'closed']);
});
