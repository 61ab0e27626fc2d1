import { cp, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { ModelFiles, ModelSpec } from '../../src/models/files/model-files.ts';
import { createOnnxProvider } from '../../src/models/onnx/onnx-provider.ts';
import { copyFixture, editJson, fixturePath, fixtureProvider, loadFixture } from './onnx-fixtures.ts';

const signal = new AbortController().signal;
const CLIP: ModelSpec = {
  name: 'clip/visual',
  runtime: 'ort',
  type: 'visual',
  functions: ['embed'],
  source: { repo: 'tests/clip', revision: 'main', files: [] },
  licence: 'MIT',
  maxTokens: 77,
};

describe('describing ONNX models', () => {
  it('says what a folder holds, from its own files', async () => {
    expect(await fixtureProvider('mean').describe({ name: 'mean' })).toEqual({
      state: 'loadable',
      name: 'mean',
      card: { name: 'mean', runtime: 'ort', type: 'textual', functions: ['embed'], dimensions: 16, isDownloaded: true },
    });
    expect(await fixtureProvider('clip-text').describe({ name: 'clip-text' })).toMatchObject({
      card: { dimensions: 8 },
    });
    expect(await fixtureProvider('cross-encoder').list()).toMatchObject([
      { state: 'loadable', card: { functions: ['rerank'] } },
    ]);
  });

  it('knows no other name', async () => {
    expect(await fixtureProvider('mean').describe({ name: 'means' })).toBeUndefined();
  });

  it('passes on why files are missing, and loads nothing then', async () => {
    const finding = { state: 'missing', spec: CLIP, reason: 'its files are not downloaded', hint: 'Pull it.' } as const;
    const files: ModelFiles = {
      list: async () => [{ ...finding, name: 'm' }],
      find: async () => ({ ...finding, spec: { ...CLIP, type: 'textual' } }),
      hashWeights: async () => '',
    };
    const provider = createOnnxProvider({ files });
    expect(await provider.describe({ name: 'm' })).toMatchObject({
      state: 'not_loadable',
      reason: finding.reason,
      hint: finding.hint,
    });
    expect(await provider.list()).toMatchObject([
      { state: 'not_loadable', card: { type: 'visual' }, reason: finding.reason },
    ]);
    await expect(provider.load({ name: 'm' }, signal)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: 'Model "m" cannot be loaded: its files are not downloaded',
      hint: 'Pull it.',
    });
  });

  it('refuses other dimensions and input types that the model does not know', async () => {
    const provider = fixtureProvider('mean');
    expect(await provider.describe({ name: 'mean', dimensions: 16, inputType: 'query' })).toMatchObject({
      state: 'loadable',
    });
    expect(await provider.describe({ name: 'mean', dimensions: 8 })).toMatchObject({
      state: 'not_loadable',
      reason: 'it gives 16 dimensions, not 8',
    });
    expect(await provider.describe({ name: 'mean', inputType: 'constructor' })).toMatchObject({
      state: 'not_loadable',
      reason: 'it knows no input type "constructor", only query, document, title',
    });
    await expect(provider.load({ name: 'mean', inputType: 'song' }, signal)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
    });
  });

  it.each([['onnxruntime-node'], ['@huggingface/tokenizers']])(
    'names the command that installs %s',
    async (missing) => {
      const resolvePackage = (name: string) => {
        if (name === missing) throw new Error(`Cannot find module '${name}'`);
        return createRequire(import.meta.url).resolve(name);
      };
      const provider = fixtureProvider('mean', { resolvePackage });
      const expected = {
        hint: expect.stringMatching(new RegExp(`^Run npm install ${missing}@\\^\\d+\\.\\d+\\.\\d+$`)),
      };
      expect(await provider.describe({ name: 'mean' })).toMatchObject({
        state: 'not_loadable',
        reason: `the package ${missing} is not installed`,
        ...expected,
      });
      await expect(provider.load({ name: 'mean' }, signal)).rejects.toMatchObject({
        code: 'MODEL_FAILED',
        ...expected,
      });
    },
  );

  it('names both packages in one command', async () => {
    const resolvePackage = () => {
      throw new Error('nothing is installed');
    };
    expect(await fixtureProvider('mean', { resolvePackage }).describe({ name: 'mean' })).toMatchObject({
      hint: expect.stringMatching(/^Run npm install onnxruntime-node@\S+ @huggingface\/tokenizers@\S+$/),
    });
  });

  it.each([
    ['1_Pooling/config.json', { pooling_mode_max_tokens: true }, 'its pooling is max_tokens, and only'],
    [
      '1_Pooling/config.json',
      { pooling_mode_cls_token: true, pooling_mode_mean_tokens: true },
      'its pooling is cls_token and mean_tokens',
    ],
    [
      '1_Pooling/config.json',
      { include_prompt: false, pooling_mode_mean_tokens: true },
      'it leaves its prompt out of the pooling',
    ],
    ['config.json', { hidden_size: 'many' }, 'its config.json cannot be read'],
  ])('refuses a folder whose %s says %j', async (file, content, reason) => {
    const folder = await copyFixture('mean');
    await writeFile(`${folder}/${file}`, JSON.stringify(content));
    expect(await fixtureProvider('mean', { folder }).describe({ name: 'mean' })).toMatchObject({
      state: 'not_loadable',
      reason: expect.stringContaining(reason),
    });
  });
});

describe('loading ONNX models', () => {
  it.each([
    ['weights that are no model', async (folder: string) => writeFile(`${folder}/onnx/model.onnx`, 'not a model')],
    ['weights that were cut off', async (folder: string) => truncate(`${folder}/onnx/model.onnx`, 9_000)],
    ['empty weights', async (folder: string) => truncate(`${folder}/onnx/model.onnx`, 0)],
    ['no weights', async (folder: string) => rm(`${folder}/onnx/model.onnx`)],
    ['no tokenizer', async (folder: string) => rm(`${folder}/tokenizer.json`)],
    ['a tokenizer that is no JSON', async (folder: string) => truncate(`${folder}/tokenizer.json`, 900)],
    [
      'a tokenizer of no known kind',
      async (folder: string) => writeFile(`${folder}/tokenizer.json`, '{"model":{"type":"X"}}'),
    ],
    [
      'the weights of a cross-encoder',
      async (folder: string) => cp(`${fixturePath('cross-encoder')}/onnx`, `${folder}/onnx`, { recursive: true }),
    ],
    [
      'a limit beyond the positions of the graph, found by the first text',
      async (folder: string) => editJson(`${folder}/tokenizer.json`, outsideOfTheVocabulary),
    ],
  ])('fails with MODEL_FAILED for %s', async (_, spoil) => {
    const folder = await copyFixture('mean');
    await spoil(folder);
    await expect(loadFixture('mean', { folder })).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringMatching(/^Model "mean" could not be loaded: ./),
    });
  });

  it('fails when the weights beside the graph are missing', async () => {
    const folder = await copyFixture('external-data');
    await rm(`${folder}/model.onnx_data`);
    await expect(loadFixture('external-data', { folder })).rejects.toMatchObject({ code: 'MODEL_FAILED' });
  });

  it('fails when the vectors have another length than the catalogue says', async () => {
    const spec: ModelSpec = {
      ...CLIP,
      type: 'textual',
      maxTokens: 24,
      embedding: { dimensions: 17, pooling: 'mean', isNormalised: true },
    };
    await expect(loadFixture('mean', { spec })).rejects.toMatchObject({
      message: 'Model "mean" could not be loaded: it gives 16 dimensions, and its description says 17',
    });
  });

  it('fails for other dimensions than asked for, also where only the graph knows them', async () => {
    const loading = loadFixture('sentence-embedding', { selection: { dimensions: 16 } });
    await expect(loading).rejects.toMatchObject({
      message: 'Model "sentence-embedding" cannot be loaded: it gives 12 dimensions, not 16',
    });
  });

  it('is aborted by its signal, with its reason', async () => {
    const provider = fixtureProvider('mean');
    const reason = new Error('nobody waits');
    await expect(provider.load({ name: 'mean' }, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const loading = provider.load({ name: 'mean' }, controller.signal);
    setImmediate(() => controller.abort(reason));
    await expect(loading).rejects.toBe(reason);
  });

  it('gives equal folders one fingerprint, and another one for anything that changes vectors', async () => {
    const fingerprintOf = async (options: Parameters<typeof loadFixture>[1]) => {
      await using model = await loadFixture('mean', options);
      return model.fingerprint;
    };
    const folder = await copyFixture('mean');
    const fingerprint = await fingerprintOf({});
    expect(await fingerprintOf({ folder })).toBe(fingerprint);
    const others = [await fingerprintOf({ selection: { inputType: 'query' } })];
    await editJson(`${folder}/sentence_bert_config.json`, () => ({ max_seq_length: 23 }));
    others.push(await fingerprintOf({ folder }));
    await editJson(`${folder}/tokenizer.json`, (tokenizer) => ({ ...tokenizer, normalizer: null }));
    others.push(await fingerprintOf({ folder }));
    await mkdir(`${folder}/1_Pooling`, { recursive: true });
    await writeFile(`${folder}/1_Pooling/config.json`, '{"pooling_mode":"cls"}');
    others.push(await fingerprintOf({ folder }));
    expect(new Set([fingerprint, ...others]).size).toBe(5);
  });
});

/** A tokenizer that gives numbers for which the graph has no weights. */
function outsideOfTheVocabulary(tokenizer: Record<string, unknown>): unknown {
  const text = JSON.stringify(tokenizer)
    .replace('"lamp":', '"lamp_":1,"lamp":9')
    .replaceAll('"[CLS]":2', '"[CLS]":99999');
  return JSON.parse(text.replaceAll('"id":2,"content":"[CLS]"', '"id":99999,"content":"[CLS]"'));
}
