import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFolderConfig } from './folder-config.ts';
import { planModel } from './model-plan.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lamplighter-plan-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function planOf(files: Readonly<Record<string, unknown>>) {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), JSON.stringify(content));
  }
  const weightsPath = join(folder, 'model.onnx');
  return planModel(
    { name: 'm', runtime: 'ort', path: folder, weightsPath, spec: undefined },
    await readFolderConfig(folder),
  );
}

describe('planModel of a folder', () => {
  it.each([
    [{ 'sentence_bert_config.json': { max_seq_length: 256 }, 'config.json': { max_position_embeddings: 512 } }, 256],
    [{ 'sentence_bert_config.json': { max_seq_length: 512 }, 'config.json': { max_position_embeddings: 128 } }, 128],
    [{ 'tokenizer_config.json': { model_max_length: 384 }, 'config.json': { max_position_embeddings: 512 } }, 384],
    [{ 'tokenizer_config.json': { model_max_length: 1e30 }, 'config.json': { max_position_embeddings: 512 } }, 512],
    [{ 'config.json': { model_type: 'xlm-roberta', max_position_embeddings: 514, pad_token_id: 1 } }, 512],
    [{ 'config.json': { model_type: 'mpnet', max_position_embeddings: 514, pad_token_id: 1 } }, 512],
    [{ 'tokenizer_config.json': { model_max_length: 1e30 } }, 512],
    [{}, 512],
  ])('of %j takes at most %i tokens', async (files, maxTokens) => {
    expect((await planOf(files)).maxTokens).toBe(maxTokens);
  });

  it.each([
    [{ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }, 'cls'],
    [{ pooling_mode_mean_tokens: true }, 'mean'],
    [{ pooling_mode_lasttoken: true }, 'last'],
    [{ pooling_mode: 'mean' }, 'mean'],
    [{ pooling_mode: ['cls'] }, 'cls'],
  ])('pools as %j says: %s', async (pooling, expected) => {
    const modules = [{ idx: 0, name: '0', path: 'pool', type: 'sentence_transformers.models.Pooling' }];
    expect((await planOf({ 'modules.json': modules, 'pool/config.json': pooling })).pooling).toBe(expected);
  });

  it('leaves the pooling to the graph where layers follow it', async () => {
    const modules = ['Transformer', 'Pooling', 'Dense'].map((type) => ({
      path: type,
      type: `sentence_transformers.models.${type}`,
    }));
    const plan = await planOf({ 'modules.json': modules, 'Pooling/config.json': { pooling_mode_max_tokens: true } });
    expect(plan).toMatchObject({ pooling: 'none', dimensions: undefined });
  });

  it('puts the prompt for documents before texts of no stated kind, unless the folder names another', async () => {
    const prompts = { query: 'q: ', passage: 'p: ', song: null };
    expect(await planOf({ 'config_sentence_transformers.json': { prompts } })).toMatchObject({
      defaultPrompt: 'p: ',
      prompts: { query: 'q: ', document: 'p: ', passage: 'p: ', song: '' },
    });
    expect(
      await planOf({ 'config_sentence_transformers.json': { prompts, default_prompt_name: 'query' } }),
    ).toMatchObject({
      defaultPrompt: 'q: ',
    });
  });

  it('names the file that cannot be read', async () => {
    await writeFile(join(folder, 'config.json'), '{');
    await expect(planOf({})).rejects.toThrow(/^its config\.json cannot be read: ./);
  });
});
