import { stat } from 'node:fs/promises';
import type { RequestFunction } from '../../../core/request-functions.ts';
import type { ModelSpec } from '../../files/model-files.ts';
import { type GgufMetadata, readGgufMetadata } from './read-metadata.ts';

/** How a GGUF model answers: texts, vectors, or scores of its own head, or scores from the odds of "yes" against "no". */
export type GgufDuty = 'generate' | 'embed' | 'rank' | 'judge';

/** What a GGUF file says of its model. */
export interface GgufFacts {
  readonly duty: GgufDuty;
  /** Length of its hidden states, and so of its vectors. */
  readonly embeddingLength: number | undefined;
  /** Jinja, as its authors wrote it. */
  readonly chatTemplate: string | undefined;
  /** The prompt with `{query}` and `{document}`, for rerankers that take one. */
  readonly rankTemplate: string | undefined;
}

/** The format's numbers; 0 is none. */
const RANK_POOLING = 4;

/** Architectures that only encode, should the file not say how its states are pooled. */
const ENCODERS = /bert|t5encoder/;

const GENERATE: readonly RequestFunction[] = ['generate', 'generate_json', 'generate_regex', 'generate_choice'];

const FUNCTIONS: Readonly<Record<GgufDuty, readonly RequestFunction[]>> = {
  generate: GENERATE,
  embed: ['embed'],
  rank: ['rerank'],
  judge: ['rerank'],
};

/** The functions that a model of that duty serves. */
export function functionsOfDuty(duty: GgufDuty): readonly RequestFunction[] {
  return FUNCTIONS[duty];
}

/**
 * Reads what a file says once for each size and time of change, and never its weights.
 *
 * @throws MalformedFile when it is no GGUF file or is cut off.
 */
export function createGgufFactsReader(): (path: string, spec: ModelSpec | undefined) => Promise<GgufFacts> {
  const known = new Map<string, { readonly stamp: string; readonly metadata: Promise<GgufMetadata> }>();
  return async (path, spec) => {
    const { size, mtimeMs } = await stat(path);
    const stamp = `${size} ${mtimeMs}`;
    let entry = known.get(path);
    if (entry?.stamp !== stamp) {
      entry = { stamp, metadata: readGgufMetadata(path) };
      known.set(path, entry);
    }
    return factsOf(await entry.metadata, spec);
  };
}

function factsOf(metadata: GgufMetadata, spec: ModelSpec | undefined): GgufFacts {
  const text = (key: string) => textOf(metadata.get(key));
  const architecture = text('general.architecture') ?? '';
  const number = (key: string) => {
    const value = metadata.get(`${architecture}.${key}`);
    return typeof value === 'number' ? value : undefined;
  };
  const title = text('general.name') ?? text('general.basename') ?? '';
  return {
    duty: dutyOf({ architecture, title, pooling: number('pooling_type'), spec }),
    embeddingLength: number('embedding_length'),
    chatTemplate: text('tokenizer.chat_template'),
    rankTemplate: text('tokenizer.chat_template.rerank'),
  };
}

interface Signs {
  readonly architecture: string;
  readonly title: string;
  readonly pooling: number | undefined;
  readonly spec: ModelSpec | undefined;
}

/**
 * Pooling is what tells encoders from generators. Converters write none for embedders and rerankers that were made from
 * generators; those carry it in their names.
 */
function dutyOf({ architecture, title, pooling = 0, spec }: Signs): GgufDuty {
  if (pooling === RANK_POOLING) return 'rank';
  const isReranker = spec?.functions.includes('rerank') ?? /rerank/i.test(title);
  if (isReranker) return ENCODERS.test(architecture) ? 'rank' : 'judge';
  if (pooling > 0 || ENCODERS.test(architecture)) return 'embed';
  const isEmbedder = spec?.functions.includes('embed') ?? /\bembed/i.test(title);
  return isEmbedder ? 'embed' : 'generate';
}

function textOf(value: string | number | boolean | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
