import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INSTALL_HINT } from '../../../src/models/llama/llama-engine.ts';
import { createLlamaProvider } from '../../../src/models/llama/llama-provider.ts';
import { createModelRegistry } from '../../../src/models/registry.ts';
import { spawnProcess } from '../../support/process.ts';
import { filesAt, fixture, generateItem, loadModel, NEVER, providerOf, SETTINGS, textOf } from './gguf-models.ts';

const GENERATE = ['generate', 'generate_json', 'generate_regex', 'generate_choice'];

let folder: string;
let bytes: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lamplighter-gguf-'));
  bytes = await readFile(fixture('tiny-generator'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file with these bytes, in the folder of this test. */
async function fileOf(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(folder, `${name}.gguf`);
  await writeFile(path, content);
  return path;
}

describe('what a GGUF file serves', () => {
  it.each([
    ['tiny-generator', GENERATE, undefined],
    ['tiny-chat', GENERATE, undefined],
    ['tiny-embedder', ['embed'], 32],
    ['tiny-reranker', ['rerank'], undefined],
    ['tiny-yes-no-reranker', ['rerank'], undefined],
  ] as const)('is found from its metadata: %s', async (name, functions, dimensions) => {
    const path = fixture(name);
    const description = await providerOf().describe({ name: path });
    expect(description).toMatchObject({ state: 'loadable', card: { name: path, runtime: 'llama', functions } });
    expect(description?.card.dimensions).toBe(dimensions);
    const model = await loadModel(path);
    expect(model.functions).toEqual(functions);
    expect(model.dimensions).toBe(dimensions);
    await model.close();
  });

  it('is what its card says, where that says more', async () => {
    const provider = providerOf({ functions: ['rerank'], maxTokens: 128 });
    const description = await provider.describe({ name: fixture('tiny-chat') });
    expect(description).toMatchObject({ state: 'loadable', card: { functions: ['rerank'] } });
  });
});

describe('a file that is no model', () => {
  it.each([
    ['something else', () => 'not a model at all, but long enough to be one', 'it is no GGUF file'],
    ['empty', () => '', 'it is no GGUF file'],
    ['cut off in its metadata', () => bytes.subarray(0, 3_000), 'it is cut off'],
    ['cut off in its weights', () => bytes.subarray(0, 30_000), 'it is cut off'],
    ['of an old version', () => withByte(4, 1), 'its GGUF version is 1, not 2 or 3'],
    ['full of claims', () => withByte(22, 0xff), /it claims/],
  ])('is said to be so without loading it: %s', async (name, content, reason) => {
    const path = await fileOf(name, content());
    const description = await providerOf().describe({ name: path });
    expect(description).toMatchObject({
      state: 'not_loadable',
      reason: expect.stringMatching(reason),
      hint: 'Fetch the file again.',
    });
  });

  it('is said to be so by the engine, where only that can know', async () => {
    const cut = await fileOf('cut', bytes.subarray(0, bytes.length - 10));
    const strange = await fileOf(
      'strange',
      Buffer.from(bytes.toString('latin1').replaceAll('llama.', 'lamps.').replace('llama', 'lamps'), 'latin1'),
    );
    const registry = createModelRegistry({ providers: [providerOf()] });
    const failure = (complaint: RegExp) =>
      expect.objectContaining({
        code: 'MODEL_FAILED',
        message: expect.stringMatching(complaint),
        hint: expect.any(String),
      });
    await expect(registry.load(cut, NEVER)).rejects.toEqual(failure(/not within the file bounds/));
    await expect(registry.load(strange, NEVER)).rejects.toEqual(failure(/unknown model architecture: 'lamps'/));
    await registry.close();
  });

  it('is read anew when it has changed', async () => {
    const provider = providerOf();
    const path = await fileOf('changing', 'nothing yet');
    expect(await provider.describe({ name: path })).toMatchObject({ state: 'not_loadable' });
    await writeFile(path, bytes);
    expect(await provider.describe({ name: path })).toMatchObject({ state: 'loadable' });
  });
});

function withByte(at: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = value;
  return changed;
}

describe('the provider', () => {
  it('names the command that installs its engine when that is missing', async () => {
    const provider = createLlamaProvider({ files: filesAt(undefined), settings: SETTINGS, isInstalled: () => false });
    expect(await provider.describe({ name: fixture('tiny-chat') })).toMatchObject({
      state: 'not_loadable',
      card: { functions: GENERATE },
      reason: 'the package node-llama-cpp is not installed',
      hint: 'Run: npm install node-llama-cpp@^3.21.0',
    });
  });

  it('refuses dimensions and input types that a model does not have', async () => {
    const name = fixture('tiny-embedder');
    expect(await providerOf().describe({ name, dimensions: 16 })).toMatchObject({
      state: 'not_loadable',
      reason: 'it gives 32 dimensions, not 16',
    });
    expect(await providerOf().describe({ name, inputType: 'haiku' })).toMatchObject({ state: 'not_loadable' });
    expect(await providerOf().describe({ name, dimensions: 32, inputType: 'query' })).toMatchObject({
      state: 'loadable',
    });
  });

  it('tells models apart by weights, threads and context', async () => {
    const load = async (name: string, settings = {}) => {
      const model = await providerOf(undefined, settings).load({ name: fixture(name) }, NEVER);
      await model.close();
      return model.fingerprint;
    };
    const fingerprints = [
      await load('tiny-generator'),
      await load('tiny-chat'),
      await load('tiny-generator', { threads: 2 }),
      await load('tiny-generator', { contextTokens: 512 }),
    ];
    expect(new Set(fingerprints).size).toBe(4);
    expect(await load('tiny-generator')).toBe(fingerprints[0]);
    expect(fingerprints[0]).toMatch(/llama\.cpp \S+, cpu/);
  });

  it('stops loading when nobody waits any more', async () => {
    const controller = new AbortController();
    const loading = providerOf().load({ name: fixture('tiny-chat') }, controller.signal);
    controller.abort(new Error('nobody waits'));
    await expect(loading).rejects.toThrow('nobody waits');
  });

  it('closes after the call in progress, once, and can load again', async () => {
    const model = await loadModel(fixture('tiny-chat'));
    const text = textOf(model, generateItem('Once upon a time'));
    await Promise.all([model.close(), model.close()]);
    expect((await text).length).toBeGreaterThan(0);
    const again = await loadModel(fixture('tiny-chat'));
    expect(await textOf(again, generateItem('Once upon a time'))).toBe(await text);
    await again.close();
  });

  it('asks for the version of the engine that the package does', async () => {
    const { peerDependencies } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(INSTALL_HINT).toBe(`Run: npm install node-llama-cpp@${peerDependencies['node-llama-cpp']}`);
  });

  it('loads no package but the smallest before a model, and neither does that of ONNX', async () => {
    const child = spawnProcess(
      'test/models/llama/list-models-process.ts',
      [fixture('tiny-chat'), fileURLToPath(new URL('../fixtures/onnx/mean', import.meta.url))],
      { env: { NODE_DEBUG: 'esm' } },
    );
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.stdout()).toBe('2 are loadable\n');
    const loaded = [...child.stderr().matchAll(/node_modules\/((?:@[\w-]+\/)?[\w.-]+)\//g)].map(([, name]) => name);
    expect([...new Set(loaded)].filter((name) => name !== 'tsx' && name !== 'esbuild')).toEqual(['zod']);
  }, 60_000);

  it('prints nothing, whatever happens, and lets the process end by itself', async () => {
    const cut = await fileOf('cut-for-a-process', bytes.subarray(0, bytes.length - 10));
    const child = spawnProcess('test/models/llama/generate-once-process.ts', [cut, fixture('tiny-chat')]);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.output()).toBe('');
  }, 60_000);
});
