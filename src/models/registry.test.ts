import { describe, expect, test } from 'vitest';
import { createTestProvider } from '../../test/support/test-runtime.ts';
import { createBuiltinProvider } from './builtin-provider.ts';
import { describeSupport, resolveDefaultModels } from './default-models.ts';
import type { ModelProvider } from './provider.ts';
import { createModelRegistry } from './registry.ts';

const { signal } = new AbortController();

function setUp() {
  const provider = createTestProvider();
  const registry = createModelRegistry({ providers: [createBuiltinProvider(), provider] });
  return { registry, calls: provider.calls };
}

describe('describe', () => {
  test('says what a model serves without loading it', async () => {
    const { registry, calls } = setUp();
    expect(await registry.describe('builtin/lexical')).toEqual({
      state: 'loadable',
      name: 'builtin/lexical',
      card: {
        name: 'builtin/lexical',
        runtime: 'builtin',
        type: 'textual',
        functions: ['embed', 'rerank'],
        dimensions: 384,
        isDownloaded: true,
      },
    });
    expect(await registry.describe('test/model')).toMatchObject({ state: 'loadable', card: { dimensions: 8 } });
    expect(calls.loads).toBe(0);
  });

  test.each([
    ['BAAI/bge-m3', 'ort', 1024],
    ['clip/ViT-B-32-textual', 'ort', 512],
    ['openai/text-embedding-3-small', 'openai', undefined],
    ['cohere/embed-v4.0', 'cohere', undefined],
  ])('knows %s and why it is not served', async (name, runtime, dimensions) => {
    const description = await setUp().registry.describe(name);
    expect(description).toMatchObject({ state: 'not_loadable', card: { name, runtime } });
    expect(description).toHaveProperty('reason', `not served by this version: it has no runtime "${runtime}"`);
    expect('card' in description && description.card.dimensions).toBe(dimensions);
  });

  test('knows a model of images, which serves no function of requests', async () => {
    expect(await setUp().registry.describe('clip/ViT-B-32-visual')).toMatchObject({
      state: 'not_loadable',
      card: { type: 'visual', dimensions: 512, functions: [] },
      reason: 'not served by this version: it has no runtime "ort"',
    });
  });

  test('an unknown name is said to be, with the list and the nearest', async () => {
    const description = await setUp().registry.describe('builtin/lexica');
    expect(description).toMatchObject({ state: 'unknown' });
    expect(description).toHaveProperty(
      'reason',
      expect.stringMatching(
        /^Model "builtin\/lexica" not found \(did you mean "builtin\/lexical"\?\)\. Known models: builtin/,
      ),
    );
    expect(await setUp().registry.describe('openai/')).toMatchObject({ state: 'unknown' });
  });

  test('a runtime that is named narrows the search', async () => {
    const { registry } = setUp();
    expect(await registry.describe({ name: 'builtin/lexical', runtime: 'builtin' })).toMatchObject({
      state: 'loadable',
    });
    expect(await registry.describe({ name: 'builtin/lexical', runtime: 'ort' })).toMatchObject({
      reason: expect.stringMatching(/^Model "builtin\/lexical" not found\. Known models of runtime "ort": microsoft/),
    });
    expect(await registry.describe({ name: 'builtin/lexical', runtime: 'orc' })).toMatchObject({
      reason: expect.stringMatching(/^Runtime "orc" not found \(did you mean "ort"\?\)\. Known runtimes: ort, openai/),
    });
  });

  test('dimensions that a model does not have are refused', async () => {
    const { registry } = setUp();
    expect(await registry.describe({ name: 'builtin/lexical', dimensions: 768 })).toMatchObject({
      state: 'not_loadable',
      reason: 'it gives 384 dimensions, not 768',
    });
  });

  test('a provider that throws makes its own name unknown, with the reason', async () => {
    const broken: ModelProvider = { ...createTestProvider(), describe: () => Promise.reject(new Error('no disk')) };
    const registry = createModelRegistry({ providers: [broken] });
    expect(await registry.describe('test/model')).toMatchObject({ state: 'unknown', reason: 'no disk' });
  });
});

describe('list', () => {
  test('has the models of all providers, then the documented names, each once', async () => {
    const names = (await setUp().registry.list()).map(({ name }) => name);
    expect(names.slice(0, 3)).toEqual(['builtin/lexical', 'test/model', 'microsoft/all-MiniLM-L12-v2']);
    expect(names).toHaveLength(20);
    expect(new Set(names).size).toBe(20);
  });

  test('a provider that serves a documented name takes it over', async () => {
    const own = createTestProvider();
    const [card] = await own.list();
    if (card?.state !== 'loadable') throw new Error('expected a loadable model');
    const description = { ...card, name: 'BAAI/bge-m3', card: { ...card.card, name: 'BAAI/bge-m3' } };
    const provider: ModelProvider = {
      ...own,
      list: async () => [description],
      describe: async ({ name }) => (name === 'BAAI/bge-m3' ? description : undefined),
    };
    const registry = createModelRegistry({ providers: [provider] });
    expect((await registry.list()).filter(({ name }) => name === 'BAAI/bge-m3')).toEqual([description]);
    expect((await registry.load('BAAI/bge-m3', signal)).runtime).toBe('test');
  });
});

describe('load', () => {
  test('loads once for all, and again for another selection', async () => {
    const { registry, calls } = setUp();
    const [first, second] = await Promise.all([
      registry.load('test/slow-load:5', signal),
      registry.load({ name: 'test/slow-load:5' }, signal),
    ]);
    expect(first).toBe(second);
    expect(await registry.load('test/slow-load:5', signal)).toBe(first);
    expect(calls.loads).toBe(1);
    await registry.load({ name: 'test/slow-load:5', inputType: 'query' }, signal);
    expect(calls.loads).toBe(2);
  });

  test('a failure reaches everyone who waits, and is then forgotten', async () => {
    const { registry, calls } = setUp();
    const both = [1, 2].map(() => registry.load('test/load-fails-times:1', signal));
    for (const load of both) {
      await expect(load).rejects.toMatchObject({
        code: 'MODEL_FAILED',
        message: 'Model "test/load-fails-times:1" could not be loaded: the test runtime was told to fail',
      });
    }
    expect(calls.loads).toBe(1);
    expect((await registry.load('test/load-fails-times:1', signal)).name).toBe('test/load-fails-times:1');
  });

  test('what cannot be loaded is refused with its reason and what to do', async () => {
    const { registry, calls } = setUp();
    await expect(registry.load('test/not-loadable', signal)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: 'Model "test/not-loadable" cannot be loaded: the test runtime was told so',
      hint: 'Take another one.',
    });
    await expect(registry.load('BAAI/bge-m3', signal)).rejects.toMatchObject({ code: 'MODEL_FAILED' });
    await expect(registry.load('no/such', signal)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    expect(calls.loads).toBe(0);
  });

  test('one who gives up leaves the others waiting', async () => {
    const { registry } = setUp();
    const controller = new AbortController();
    const [impatient, patient] = [
      registry.load('test/slow-load:30', controller.signal),
      registry.load('test/slow-load:30', signal),
    ];
    controller.abort(new Error('gave up'));
    await expect(impatient).rejects.toThrow('gave up');
    expect((await patient).name).toBe('test/slow-load:30');
  });

  test('when the last one gives up the load is aborted, and the next caller starts anew', async () => {
    const { registry, calls } = setUp();
    const controller = new AbortController();
    const load = registry.load('test/hanging-load', controller.signal);
    controller.abort(new Error('gave up'));
    await expect(load).rejects.toThrow('gave up');
    const next = new AbortController();
    const again = registry.load('test/hanging-load', next.signal);
    await expect.poll(() => calls.loads).toBe(2);
    next.abort(new Error('gave up too'));
    await expect(again).rejects.toThrow('gave up too');
  });
});

describe('close', () => {
  test('closes what is loaded, aborts what is loading, and loads nothing more', async () => {
    const { registry, calls } = setUp();
    await registry.load('test/model', signal);
    const loading = registry.load('test/hanging-load', signal);
    const refused = expect(loading).rejects.toMatchObject({ code: 'ABORTED' });
    await Promise.all([registry.close(), registry.close()]);
    await refused;
    expect(calls.closes).toBe(1);
    await expect(registry.load('test/model', signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('the functions of a worker', () => {
  test('embed and rerank are served by default, generate has no model', async () => {
    const support = await describeSupport(setUp().registry, resolveDefaultModels());
    expect(support.filter(({ isServed }) => isServed)).toEqual([
      { function: 'embed', model: 'builtin/lexical', isServed: true, state: 'loadable', reason: undefined },
      { function: 'rerank', model: 'builtin/lexical', isServed: true, state: 'loadable', reason: undefined },
    ]);
    expect(support.find((entry) => entry.function === 'generate_json')).toEqual({
      function: 'generate_json',
      model: undefined,
      isServed: false,
      reason: 'no model is configured for generate_json',
    });
  });

  test('a model that does not load has nothing in its place', async () => {
    const models = resolveDefaultModels({
      embedModel: 'BAAI/bge-m3',
      generateModel: 'builtin/lexical',
      rerankModel: 'x',
    });
    expect(await describeSupport(setUp().registry, models, ['embed', 'generate', 'rerank'])).toMatchObject([
      { isServed: false, reason: expect.stringMatching(/"BAAI\/bge-m3" cannot be loaded: not served by this version/) },
      { isServed: false, reason: 'model "builtin/lexical" does not serve generate' },
      { isServed: false, reason: expect.stringMatching(/^Model "x" not found\./) },
    ]);
  });
});
