import { join } from 'node:path';
import type { RequestFunction } from '../../core/request-functions.ts';
import type { LocalModel, Pooling } from '../files/model-files.ts';
import type { FolderConfig, PoolingConfig } from './folder-config.ts';

/** How a model is to be used, from its catalogue entry or from the files of its folder. */
export interface ModelPlan {
  readonly functions: readonly RequestFunction[];
  /** Length of its embeddings where it is known beforehand. */
  readonly dimensions: number | undefined;
  /** The pooling as in the task of `EngineSetup`. */
  readonly pooling: Pooling | undefined;
  /** What is put before texts, by what they are. */
  readonly prompts: Readonly<Record<string, string>>;
  /** The prompt of texts of which nothing is said. */
  readonly defaultPrompt: string;
  readonly maxTokens: number;
  readonly padTokenId: number;
  readonly tokenizerPath: string;
  /** Undefined where the folder has none. */
  readonly tokenizerConfigPath: string | undefined;
}

const DEFAULT_MAX_TOKENS = 512;
/** Longer limits in `tokenizer_config.json` mean that nobody has set one. */
const LONGEST_MAX_TOKENS = 1_000_000;
/** Families that number positions from the padding token's id + 1, so that they have fewer than their table is long. */
const OFFSET_FAMILIES: ReadonlySet<string> = new Set(['roberta', 'xlm-roberta', 'camembert', 'mpnet']);

/**
 * How to use a model of texts whose files say this. Weights and tokenizer are not opened.
 *
 * @throws Error that says, as the end of a sentence about the model, why it cannot be used.
 */
export function planModel({ path, spec }: LocalModel, files: FolderConfig): ModelPlan {
  const common = {
    padTokenId: files.config?.pad_token_id ?? 0,
    tokenizerPath: join(path, 'tokenizer.json'),
    tokenizerConfigPath: files.tokenizer === undefined ? undefined : join(path, 'tokenizer_config.json'),
  };
  if (spec === undefined) return { ...common, ...planFromFolder(files) };
  const { functions, maxTokens, embedding } = spec;
  const { query = '', document = '' } = embedding?.prefix ?? {};
  return {
    ...common,
    functions,
    maxTokens,
    dimensions: embedding?.dimensions,
    pooling: embedding?.pooling,
    prompts: { query, document },
    defaultPrompt: document,
  };
}

function planFromFolder(files: FolderConfig): Omit<ModelPlan, 'padTokenId' | 'tokenizerPath' | 'tokenizerConfigPath'> {
  const { config, modules, pooling, prompts } = files;
  const isReranker = config?.architectures?.some((name) => name.endsWith('ForSequenceClassification')) ?? false;
  const isClip = config?.model_type?.startsWith('clip') ?? false;
  // What comes after the pooling, other than bringing the vector to length 1, which is done in any case.
  const kinds = modules?.map(({ type }) => type.split('.').at(-1));
  const isFurtherLayered =
    kinds?.some((kind) => !['Transformer', 'Pooling', 'Normalize'].includes(kind ?? '')) ?? false;
  const isWhole = isClip || isFurtherLayered;
  const named = Object.fromEntries(Object.entries(prompts?.prompts ?? {}).map(([name, text]) => [name, text ?? '']));
  const document = named['document'] ?? named['passage'] ?? '';
  const hiddenSize = pooling?.word_embedding_dimension ?? config?.hidden_size ?? undefined;
  return {
    functions: isReranker ? ['rerank'] : ['embed'],
    dimensions:
      isReranker || isFurtherLayered ? undefined : isClip ? (config?.projection_dim ?? undefined) : hiddenSize,
    pooling: isWhole ? 'none' : isReranker || pooling === undefined ? undefined : poolingOf(pooling),
    prompts: { query: '', ...named, document },
    defaultPrompt: named[prompts?.default_prompt_name ?? ''] ?? document,
    maxTokens: maxTokensOf(files),
  };
}

const MODE_PREFIX = 'pooling_mode_';
/** What older and newer files call the kinds that are done here. */
const POOLINGS: ReadonlyMap<string, Pooling> = new Map([
  ['mean_tokens', 'mean'],
  ['mean', 'mean'],
  ['cls_token', 'cls'],
  ['cls', 'cls'],
  ['lasttoken', 'last'],
]);

function poolingOf(pooling: PoolingConfig): Pooling {
  const { pooling_mode: mode } = pooling;
  const modes =
    mode === null || mode === undefined
      ? Object.keys(pooling).filter(
          (key) => key.startsWith(MODE_PREFIX) && pooling[key as keyof PoolingConfig] === true,
        )
      : [mode].flat().map((name) => `${MODE_PREFIX}${name}`);
  if (pooling.include_prompt === false)
    throw new Error('it leaves its prompt out of the pooling, which is not supported');
  const names = modes.map((mode) => mode.slice(MODE_PREFIX.length));
  const [only = ''] = names.length === 1 ? names : [];
  const known = POOLINGS.get(only);
  if (known !== undefined) return known;
  const said = names.join(' and ') || 'not said';
  throw new Error(`its pooling is ${said}, and only mean, cls and last token are supported`);
}

function maxTokensOf({ config, sentence, tokenizer }: FolderConfig): number {
  const isOffset = OFFSET_FAMILIES.has(config?.model_type ?? '');
  const positions =
    (config?.max_position_embeddings ?? LONGEST_MAX_TOKENS) - (isOffset ? (config?.pad_token_id ?? 1) + 1 : 0);
  const limit = Math.min(positions, sentence?.max_seq_length ?? tokenizer?.model_max_length ?? LONGEST_MAX_TOKENS);
  return limit < LONGEST_MAX_TOKENS ? limit : DEFAULT_MAX_TOKENS;
}
