import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOCAL_MODELS } from '../../../src/models/catalogue/local-models.ts';
import { createModelFiles } from '../../../src/models/files/create-model-files.ts';
import type { LocalModel } from '../../../src/models/files/model-files.ts';
import { WEIGHTS as REAL } from '../../support/real-weights.ts';
import { FILES, SPEC, setUpPull, WEIGHTS } from './pull-setup.ts';
import { sha256Of } from './stub-hub.ts';

const never = new AbortController().signal;
const GGUF: typeof SPEC = {
  ...SPEC,
  name: 'test/writer',
  runtime: 'llama',
  functions: ['generate'],
  source: { repo: 'org/gguf', revision: 'main', files: ['writer.gguf'] },
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lamplighter-models-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, contents: string | Buffer = 'x'): string {
  const full = join(root, path);
  mkdirSync(join(full, '..'), { recursive: true });
  writeFileSync(full, contents);
  return full;
}

const filesOf = (given: readonly (string | undefined)[] = []) =>
  createModelFiles({ env: {}, modelDir: root, given, catalogue: [SPEC, GGUF] });

describe('a model of the catalogue', () => {
  test('is missing until all of its files are there, and says which are not', async () => {
    expect(await filesOf().find('test/model', 'ort')).toEqual({
      state: 'missing',
      spec: SPEC,
      reason: 'its files are not downloaded',
      hint: 'Run: lamplighter models pull test/model',
    });
    write('test/model/config.json');
    write(`test/model/${WEIGHTS}`, '');
    expect(await filesOf().find('test/model', 'ort')).toMatchObject({
      state: 'missing',
      reason: `${join(root, 'test/model')} lacks onnx/model.onnx, tokenizer.json`,
    });
    write(`test/model/${WEIGHTS}`);
    write('test/model/tokenizer.json');
    expect(await filesOf().find('test/model', 'ort')).toEqual({
      state: 'local',
      model: {
        name: 'test/model',
        runtime: 'ort',
        path: join(root, 'test/model'),
        weightsPath: join(root, 'test/model', WEIGHTS),
        spec: SPEC,
      },
    });
  });

  test('that is a GGUF is its file', async () => {
    const path = write('test/writer/writer.gguf', 'GGUF');
    expect(await filesOf().find('test/writer', 'llama')).toMatchObject({ model: { path, weightsPath: path } });
  });

  test('is found for its own runtime only', async () => {
    expect(await filesOf().find('test/model', 'llama')).toBeUndefined();
    expect(await filesOf().find('no/model', 'ort')).toBeUndefined();
  });
});

describe('a path', () => {
  test('is a model only when it was given, and by exactly that string', async () => {
    const folder = join(root, 'mine');
    for (const file of ['config.json', 'tokenizer.json', WEIGHTS]) write(`mine/${file}`);
    expect(await filesOf().find(folder, 'ort')).toBeUndefined();
    const files = filesOf([undefined, 'test/model', 'openai/x', folder]);
    expect(await files.find(folder, 'ort')).toMatchObject({
      state: 'local',
      model: { name: folder, path: folder, spec: undefined },
    });
    expect(await files.find(`${folder}/`, 'ort')).toBeUndefined();
    expect(await files.find(join(root, 'mine', '..', 'mine', '.'), 'ort')).toMatchObject({ state: 'local' });
    expect(await files.find(`${folder}/../mine`, 'ort')).toBeUndefined();
    expect(await files.find(folder, 'llama')).toBeUndefined();
    expect((await files.list('ort')).map(({ name }) => name)).toEqual([folder, 'test/model']);
  });

  test('may be relative, and may be the name of a folder', async () => {
    for (const file of ['config.json', 'tokenizer.json', WEIGHTS]) write(`mine/${file}`);
    const name = relative(process.cwd(), join(root, 'mine'));
    expect(await filesOf([name]).find(name, 'ort')).toMatchObject({ model: { path: join(root, 'mine') } });
  });

  test('may begin with the home folder', async () => {
    for (const file of ['config.json', 'tokenizer.json', WEIGHTS]) write(`mine/${file}`);
    const files = createModelFiles({ env: { HOME: root, USERPROFILE: root }, modelDir: root, given: ['~/mine'] });
    expect(await files.find('~/mine', 'ort')).toMatchObject({ model: { path: join(root, 'mine') } });
  });

  test('may hold weights under any of the usual names, the full ones first', async () => {
    for (const file of ['config.json', 'tokenizer.json']) write(`mine/${file}`);
    const find = () => filesOf([join(root, 'mine')]).find(join(root, 'mine'), 'ort');
    for (const file of ['model.onnx', 'onnx/model_quantized.onnx', WEIGHTS]) {
      write(`mine/${file}`);
      expect(await find()).toMatchObject({ model: { weightsPath: join(root, 'mine', file) } });
    }
  });

  test.each([
    ['none', undefined, /^there is no folder .*none$/],
    ['file', 'file', /^.*file is not a folder$/],
    ['empty', 'empty/other', /^.*empty has no config\.json and no tokenizer\.json and no onnx\/model\.onnx$/],
    ['none.gguf', undefined, /^there is no file .*none\.gguf$/],
    ['bad.gguf', 'bad.gguf', /^.*bad\.gguf is not a GGUF file$/],
    ['folder.gguf', 'folder.gguf/x', /^.*folder\.gguf is not a file$/],
  ])('%s says what is wrong with it', async (name, file, reason) => {
    if (file !== undefined) write(file);
    const path = join(root, name);
    const found = await filesOf([path]).find(path, name.endsWith('.gguf') ? 'llama' : 'ort');
    expect(found).toMatchObject({ state: 'missing', reason: expect.stringMatching(reason), spec: undefined });
  });
});

describe('the hash of the weights', () => {
  const model = (path: string): LocalModel => ({
    name: path,
    runtime: 'llama',
    path,
    weightsPath: path,
    spec: undefined,
  });

  test('is that of the file, remembered over restarts, and taken anew when the file has changed', async () => {
    const path = write('w.gguf', 'GGUF1');
    utimesSync(path, 1_000, 1_000);
    expect(await filesOf().hashWeights(model(path), never)).toBe(sha256Of(Buffer.from('GGUF1')));
    expect(existsSync(join(root, 'hashes.json'))).toBe(true);
    // The same size, and the same time, as some tools that copy set it.
    writeFileSync(path, 'GGUF2');
    utimesSync(path, 1_000, 1_000);
    expect(await filesOf().hashWeights(model(path), never)).toBe(sha256Of(Buffer.from('GGUF2')));
  });

  test('is not read again while the file stays as it is', async () => {
    const path = write('w.gguf', 'GGUF1');
    await filesOf().hashWeights(model(path), never);
    const store = join(root, 'hashes.json');
    writeFileSync(store, readFileSync(store, 'utf8').replace(/"sha256": "\w+"/, '"sha256": "kept"'));
    expect(await filesOf().hashWeights(model(path), never)).toBe('kept');
  });

  test('covers external data beside an ONNX graph', async () => {
    for (const file of ['config.json', 'tokenizer.json', WEIGHTS]) write(`mine/${file}`);
    const folder = join(root, 'mine');
    const found = await filesOf([folder]).find(folder, 'ort');
    if (found?.state !== 'local') throw new Error('it was just written');
    const hashes = new Set([await filesOf().hashWeights(found.model, never)]);
    for (const data of ['a', 'b']) {
      write(`mine/${WEIGHTS}_data`, data);
      hashes.add(await filesOf().hashWeights(found.model, never));
    }
    expect(hashes.size).toBe(3);
  });

  test('does not need a folder that can be written', async () => {
    const path = write('w.gguf', 'GGUF1');
    const files = createModelFiles({ env: {}, modelDir: join(path, 'no', 'folder') });
    expect(await files.hashWeights(model(path), never)).toBe(sha256Of(Buffer.from('GGUF1')));
  });

  test('ends when it is aborted', async () => {
    const path = write('w.gguf', 'GGUF1');
    await expect(filesOf().hashWeights(model(path), AbortSignal.abort(new Error('stop')))).rejects.toThrow();
  });

  test('is not given where another file of a downloaded model has changed', async () => {
    const setup = await setUpPull();
    await setup.pull();
    const files = createModelFiles({ env: {}, modelDir: setup.root, catalogue: [SPEC] });
    const found = await files.find('test/model', 'ort');
    if (found?.state !== 'local') throw new Error('the model was just fetched');
    writeFileSync(setup.path('tokenizer.json'), 'tampered');
    await expect(files.hashWeights(found.model, never)).rejects.toMatchObject({
      code: 'MODEL_CHANGED',
      message: expect.stringContaining('tokenizer.json is not the file that was downloaded'),
    });
  });

  test('of a downloaded model has to be the pinned one', async () => {
    const setup = await setUpPull();
    await setup.pull();
    const files = createModelFiles({ env: {}, modelDir: setup.root, catalogue: [SPEC] });
    const found = await files.find('test/model', 'ort');
    if (found?.state !== 'local') throw new Error('the model was just fetched');
    expect(await files.hashWeights(found.model, never)).toBe(sha256Of(FILES[WEIGHTS]));
    writeFileSync(setup.path(WEIGHTS), 'tampered');
    await expect(files.hashWeights(found.model, never)).rejects.toMatchObject({
      code: 'MODEL_CHANGED',
      message: expect.stringContaining('is not the file that was downloaded'),
      hint: 'Run: lamplighter models pull test/model',
    });
    await setup.pull();
    expect(await files.hashWeights(found.model, never)).toBe(sha256Of(FILES[WEIGHTS]));
  });
});

describe.skipIf(!existsSync(REAL))(`real models (skipped where there are none in ${REAL})`, () => {
  test('are found by their paths, with the weights that they have', async () => {
    const names = ['all-MiniLM-L6-v2', 'bge-small-en-v1.5', 'random-cross-encoder'].map((name) => join(REAL, name));
    const gguf = join(REAL, 'stories260K.gguf');
    const files = createModelFiles({ env: {}, modelDir: root, given: [...names, gguf] });
    const found = await Promise.all(names.map((name) => files.find(name, 'ort')));
    const weights = found.map((each) => (each?.state === 'local' ? relative(REAL, each.model.weightsPath) : each));
    expect(weights).toEqual([
      'all-MiniLM-L6-v2/onnx/model.onnx',
      'bge-small-en-v1.5/onnx/model_quantized.onnx',
      'random-cross-encoder/onnx/model.onnx',
    ]);
    const local = await files.find(gguf, 'llama');
    if (local?.state !== 'local') throw new Error('it is there');
    expect(await files.hashWeights(local.model, never)).toBe(
      '270cba1bd5109f42d03350f60406024560464db173c0e387d91f0426d3bd256d',
    );
  });
});

test('every model of the catalogue says where it comes from and fits its runtime', () => {
  for (const { name, runtime, type, source, embedding, functions, approximateBytes, maxTokens } of LOCAL_MODELS) {
    expect.soft(source.repo, name).toMatch(/^[\w.-]+\/[\w.-]+$/);
    expect.soft(source.files[0], name).toMatch(runtime === 'llama' ? /\.gguf$/ : /^onnx\/\w+\.onnx$/);
    expect.soft(embedding !== undefined, name).toBe(functions.includes('embed') || type === 'visual');
    expect.soft(approximateBytes, name).toBeGreaterThan(50_000_000);
    expect.soft(maxTokens, name).toBeGreaterThanOrEqual(type === 'visual' ? 1 : 77);
  }
  expect(new Set(LOCAL_MODELS.map(({ name }) => name)).size).toBe(LOCAL_MODELS.length);
});
