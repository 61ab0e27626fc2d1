import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../core/errors.ts';

const configSchema = z.object({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
  pad_token_id: z.number().int().nonnegative().nullish(),
  max_position_embeddings: z.number().int().positive().nullish(),
  hidden_size: z.number().int().positive().nullish(),
  projection_dim: z.number().int().positive().nullish(),
});

const modulesSchema = z.array(z.object({ path: z.string(), type: z.string() }));

const poolingSchema = z.object({
  word_embedding_dimension: z.number().int().positive().nullish(),
  /** How newer files say it; a text or, for pooling of several kinds, a list. */
  pooling_mode: z.union([z.string(), z.array(z.string())]).nullish(),
  pooling_mode_cls_token: z.boolean().nullish(),
  pooling_mode_mean_tokens: z.boolean().nullish(),
  pooling_mode_lasttoken: z.boolean().nullish(),
  pooling_mode_max_tokens: z.boolean().nullish(),
  pooling_mode_mean_sqrt_len_tokens: z.boolean().nullish(),
  pooling_mode_weightedmean_tokens: z.boolean().nullish(),
  include_prompt: z.boolean().nullish(),
});

const sentenceSchema = z.object({ max_seq_length: z.number().int().positive().nullish() });

const tokenizerSchema = z.object({ model_max_length: z.number().positive().nullish() });

const promptsSchema = z.object({
  prompts: z.record(z.string(), z.string().nullable()).nullish(),
  default_prompt_name: z.string().nullish(),
});

export type PoolingConfig = z.infer<typeof poolingSchema>;

/** What the files beside the weights say, as their authors wrote it; undefined for a file that is not there. */
export interface FolderConfig {
  readonly config: z.infer<typeof configSchema> | undefined;
  readonly modules: z.infer<typeof modulesSchema> | undefined;
  readonly pooling: PoolingConfig | undefined;
  readonly sentence: z.infer<typeof sentenceSchema> | undefined;
  readonly tokenizer: z.infer<typeof tokenizerSchema> | undefined;
  readonly prompts: z.infer<typeof promptsSchema> | undefined;
}

/**
 * Reads the configuration of a model folder in the layout of the hub.
 *
 * @throws Error with the file and the reason, for one that cannot be read or says what cannot be.
 */
export async function readFolderConfig(folder: string): Promise<FolderConfig> {
  const modules = await readConfig(folder, 'modules.json', modulesSchema);
  const poolingFolder = modules?.find(({ type }) => type.endsWith('.Pooling'))?.path ?? '1_Pooling';
  return {
    config: await readConfig(folder, 'config.json', configSchema),
    modules,
    pooling: await readConfig(folder, join(poolingFolder, 'config.json'), poolingSchema),
    sentence: await readConfig(folder, 'sentence_bert_config.json', sentenceSchema),
    tokenizer: await readConfig(folder, 'tokenizer_config.json', tokenizerSchema),
    prompts: await readConfig(folder, 'config_sentence_transformers.json', promptsSchema),
  };
}

async function readConfig<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new Error(`its ${name} cannot be read: ${reason}`, { cause: error });
  }
}
