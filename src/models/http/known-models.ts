import { REQUEST_FUNCTIONS, type RequestFunction } from '../../core/request-functions.ts';

/** What the name of a provider's own model tells. */
export interface KnownModel {
  readonly functions: readonly RequestFunction[];
  /** Lengths its embeddings can have, its own first; undefined where they are not known. */
  readonly dimensions?: readonly number[];
  /** True when any length up to its own can be asked for. */
  readonly isShortenable?: boolean;
  /** True when a name stands for the same weights for ever, so that answers can be cached. */
  readonly isFixed?: boolean;
}

const GENERATE_FUNCTIONS: readonly RequestFunction[] = REQUEST_FUNCTIONS.filter(
  (name) => name !== 'embed' && name !== 'rerank',
);

const OPENAI_EMBEDDINGS: Readonly<Record<string, KnownModel>> = {
  'text-embedding-3-small': embedding([1536], true),
  'text-embedding-3-large': embedding([3072], true),
  'text-embedding-ada-002': embedding([1536], false),
};

const COHERE_EMBEDDINGS: Readonly<Record<string, KnownModel>> = {
  'embed-v4.0': embedding([1536, 1024, 512, 256], false),
  'embed-english-v3.0': embedding([1024], false),
  'embed-multilingual-v3.0': embedding([1024], false),
  'embed-english-light-v3.0': embedding([384], false),
  'embed-multilingual-light-v3.0': embedding([384], false),
};

/** A server of the user's own may serve anything under any name. */
export const ANY_MODEL: KnownModel = { functions: REQUEST_FUNCTIONS };

/** A model of OpenAI's own servers. */
export function knownOpenAiModel(model: string): KnownModel {
  const known = OPENAI_EMBEDDINGS[model];
  if (known !== undefined) return known;
  return { functions: model.includes('embedding') ? ['embed'] : GENERATE_FUNCTIONS };
}

/** A model of Cohere's own servers. */
export function knownCohereModel(model: string): KnownModel {
  const known = COHERE_EMBEDDINGS[model];
  if (known !== undefined) return known;
  if (model.startsWith('embed-')) return { functions: ['embed'] };
  if (model.startsWith('rerank-')) return { functions: ['rerank'], isFixed: true };
  return { functions: GENERATE_FUNCTIONS };
}

/** Why a model cannot give embeddings of that length, as the end of a sentence; undefined when it can, or nobody knows. */
export function dimensionsProblem(known: KnownModel, wanted: number | undefined): string | undefined {
  const [own] = known.dimensions ?? [];
  if (wanted === undefined || own === undefined || known.dimensions?.includes(wanted) === true) return undefined;
  if (known.isShortenable === true)
    return wanted < own ? undefined : `it gives at most ${own} dimensions, not ${wanted}`;
  return `it gives ${known.dimensions?.join(', ')} dimensions, not ${wanted}`;
}

function embedding(dimensions: readonly number[], isShortenable: boolean): KnownModel {
  return { functions: ['embed'], dimensions, isShortenable, isFixed: true };
}
