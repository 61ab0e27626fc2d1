import type { RequestFunction } from '../../core/request-functions.ts';
import type { ModelSpec, Pooling } from '../files/model-files.ts';

/** A model of the catalogue; unlike one given by path it is published somewhere, and its size is known. */
export type CatalogueModel = ModelSpec & { readonly approximateBytes: number };

interface EmbeddingFacts {
  readonly repo: string;
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly pooling: Pooling;
  readonly isNormalised: boolean;
  readonly licence: string;
  readonly megabytes: number;
  readonly prefix?: { readonly query?: string; readonly document?: string };
  /** @default ['onnx/model.onnx'] */
  readonly weights?: readonly [string, ...string[]];
}

const E5_PREFIX = { query: 'query: ', document: 'passage: ' };
const BGE_PREFIX = { query: 'Represent this sentence for searching relevant passages: ' };
const TOKENIZER_FILES: readonly string[] = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];

/**
 * Every model that can be downloaded, by the name that users say.
 *
 * Facts are those of the models' cards and of their `sentence_bert_config.json`, `1_Pooling/config.json` and
 * `modules.json`. The repository is the model's own where that has an `onnx` folder, else a conversion of it: `Xenova`
 * is the account of transformers.js at Hugging Face, `vectoriseai` the only one to have converted ember-v1 in this
 * layout. The revision is a branch; what it stood for at the first download is pinned in the lock file.
 */
export const LOCAL_MODELS: readonly CatalogueModel[] = [
  embedding('microsoft/all-MiniLM-L12-v2', {
    repo: 'sentence-transformers/all-MiniLM-L12-v2',
    dimensions: 384,
    // The card speaks of 256 word pieces; its configuration, which sentence-transformers follows, says 128.
    maxTokens: 128,
    pooling: 'mean',
    isNormalised: true,
    licence: 'Apache-2.0',
    megabytes: 134,
  }),
  embedding('microsoft/all-mpnet-base-v2', {
    repo: 'sentence-transformers/all-mpnet-base-v2',
    dimensions: 768,
    maxTokens: 384,
    pooling: 'mean',
    isNormalised: true,
    licence: 'Apache-2.0',
    megabytes: 437,
  }),
  embedding('transformers/multi-qa-mpnet-base-dot-v1', {
    repo: 'sentence-transformers/multi-qa-mpnet-base-dot-v1',
    dimensions: 768,
    maxTokens: 512,
    pooling: 'cls',
    isNormalised: false,
    // The card names none; the library that it belongs to is under this one.
    licence: 'NOASSERTION',
    megabytes: 437,
  }),
  embedding('thenlper/gte-base', {
    repo: 'thenlper/gte-base',
    dimensions: 768,
    maxTokens: 512,
    pooling: 'mean',
    isNormalised: true,
    licence: 'MIT',
    megabytes: 437,
  }),
  embedding('thenlper/gte-large', {
    repo: 'thenlper/gte-large',
    dimensions: 1024,
    maxTokens: 512,
    pooling: 'mean',
    isNormalised: true,
    licence: 'MIT',
    megabytes: 1_340,
  }),
  embedding('llmrails/ember-v1', {
    repo: 'vectoriseai/ember-v1',
    dimensions: 1024,
    maxTokens: 512,
    pooling: 'cls',
    isNormalised: false,
    licence: 'MIT',
    megabytes: 1_340,
  }),
  embedding('intfloat/e5-base-v2', {
    repo: 'intfloat/e5-base-v2',
    dimensions: 768,
    maxTokens: 512,
    pooling: 'mean',
    isNormalised: true,
    prefix: E5_PREFIX,
    licence: 'MIT',
    megabytes: 437,
  }),
  embedding('intfloat/e5-large-v2', {
    repo: 'intfloat/e5-large-v2',
    dimensions: 1024,
    maxTokens: 512,
    pooling: 'mean',
    isNormalised: true,
    prefix: E5_PREFIX,
    licence: 'MIT',
    megabytes: 1_340,
  }),
  // Under these three names Lantern has the weights of version 1.5, and its columns stay comparable.
  embedding('BAAI/bge-small-en', {
    repo: 'Xenova/bge-small-en-v1.5',
    dimensions: 384,
    maxTokens: 512,
    pooling: 'cls',
    isNormalised: true,
    prefix: BGE_PREFIX,
    licence: 'MIT',
    megabytes: 134,
  }),
  embedding('BAAI/bge-base-en', {
    repo: 'Xenova/bge-base-en-v1.5',
    dimensions: 768,
    maxTokens: 512,
    pooling: 'cls',
    isNormalised: true,
    prefix: BGE_PREFIX,
    licence: 'MIT',
    megabytes: 437,
  }),
  embedding('BAAI/bge-large-en', {
    repo: 'Xenova/bge-large-en-v1.5',
    dimensions: 1024,
    maxTokens: 512,
    pooling: 'cls',
    isNormalised: true,
    prefix: BGE_PREFIX,
    licence: 'MIT',
    megabytes: 1_340,
  }),
  embedding('BAAI/bge-m3', {
    repo: 'BAAI/bge-m3',
    dimensions: 1024,
    maxTokens: 8192,
    pooling: 'cls',
    isNormalised: true,
    licence: 'MIT',
    megabytes: 2_290,
    // Weights beyond 2 GB lie beside the graph, which names these two files.
    weights: ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/Constant_7_attr__value'],
  }),
  embedding('jinaai/jina-embeddings-v2-small-en', {
    repo: 'Xenova/jina-embeddings-v2-small-en',
    dimensions: 512,
    maxTokens: 8192,
    pooling: 'mean',
    isNormalised: false,
    licence: 'Apache-2.0',
    megabytes: 131,
  }),
  embedding('jinaai/jina-embeddings-v2-base-en', {
    repo: 'Xenova/jina-embeddings-v2-base-en',
    dimensions: 768,
    maxTokens: 8192,
    pooling: 'mean',
    isNormalised: false,
    licence: 'Apache-2.0',
    megabytes: 548,
  }),
  embedding('clip/ViT-B-32-textual', {
    repo: 'Xenova/clip-vit-base-patch32',
    dimensions: 512,
    maxTokens: 77,
    pooling: 'none',
    isNormalised: false,
    licence: 'MIT',
    megabytes: 256,
    weights: ['onnx/text_model.onnx'],
  }),
  {
    name: 'clip/ViT-B-32-visual',
    runtime: 'ort',
    type: 'visual',
    // Requests hold texts.
    functions: [],
    source: {
      repo: 'Xenova/clip-vit-base-patch32',
      revision: 'main',
      files: ['onnx/vision_model.onnx', 'config.json', 'preprocessor_config.json'],
    },
    licence: 'MIT',
    maxTokens: 1,
    approximateBytes: 352_000_000,
    embedding: { dimensions: 512, pooling: 'none', isNormalised: false },
  },
  {
    name: 'cross-encoder/ms-marco-MiniLM-L6-v2',
    runtime: 'ort',
    type: 'textual',
    functions: ['rerank'],
    source: {
      repo: 'cross-encoder/ms-marco-MiniLM-L6-v2',
      revision: 'main',
      files: ['onnx/model.onnx', ...TOKENIZER_FILES],
    },
    licence: 'Apache-2.0',
    maxTokens: 512,
    approximateBytes: 92_000_000,
  },
  {
    name: 'Qwen/Qwen3-0.6B-GGUF',
    runtime: 'llama',
    type: 'textual',
    functions: ['generate', 'generate_json', 'generate_regex', 'generate_choice'],
    source: { repo: 'Qwen/Qwen3-0.6B-GGUF', revision: 'main', files: ['Qwen3-0.6B-Q8_0.gguf'] },
    licence: 'Apache-2.0',
    maxTokens: 32_768,
    approximateBytes: 639_000_000,
  },
];

/** What `models pull` fetches when it is not told what: one model that writes, and one that ranks. */
export const RECOMMENDED_MODELS = {
  generate: 'Qwen/Qwen3-0.6B-GGUF',
  rerank: 'cross-encoder/ms-marco-MiniLM-L6-v2',
} as const satisfies Partial<Record<RequestFunction, string>>;

function embedding(name: string, facts: EmbeddingFacts): CatalogueModel {
  const { repo, dimensions, maxTokens, pooling, isNormalised, licence, megabytes, prefix } = facts;
  const { weights = ['onnx/model.onnx'] } = facts;
  return {
    name,
    runtime: 'ort',
    type: 'textual',
    functions: ['embed'],
    source: { repo, revision: 'main', files: [...weights, ...TOKENIZER_FILES] },
    licence,
    maxTokens,
    approximateBytes: megabytes * 1_000_000,
    embedding: { dimensions, pooling, isNormalised, ...(prefix === undefined ? {} : { prefix }) },
  };
}
