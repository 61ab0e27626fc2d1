import { REQUEST_FUNCTIONS, type RequestFunction } from '../core/request-functions.ts';
import type { KnownModelDescription, ModelCard, ModelSelection } from './provider.ts';

/** The runtimes that can be named in a job row or on the command line, served by this version or not. */
export const RUNTIMES: readonly string[] = ['ort', 'openai', 'cohere', 'llama', 'builtin'];

/** Documented names of local embedding models, with the length of their vectors. */
const LOCAL_MODELS: readonly (readonly [name: string, dimensions: number])[] = [
  ['microsoft/all-MiniLM-L12-v2', 384],
  ['microsoft/all-mpnet-base-v2', 768],
  ['transformers/multi-qa-mpnet-base-dot-v1', 768],
  ['thenlper/gte-base', 768],
  ['thenlper/gte-large', 1024],
  ['llmrails/ember-v1', 1024],
  ['intfloat/e5-base-v2', 768],
  ['intfloat/e5-large-v2', 1024],
  ['BAAI/bge-small-en', 384],
  ['BAAI/bge-base-en', 768],
  ['BAAI/bge-large-en', 1024],
  ['BAAI/bge-m3', 1024],
  ['jinaai/jina-embeddings-v2-small-en', 512],
  ['jinaai/jina-embeddings-v2-base-en', 768],
  ['clip/ViT-B-32-textual', 512],
  ['clip/ViT-B-32-visual', 512],
];

/** Runtimes that are called over the network serve any name behind their prefix. */
const REMOTE_RUNTIMES: readonly string[] = ['openai', 'cohere'];

const REMOTE_FUNCTIONS: readonly RequestFunction[] = REQUEST_FUNCTIONS;

/** What the documented names say when no provider serves them; the last to be asked. */
export function describeUnserved({ name }: ModelSelection): KnownModelDescription | undefined {
  const local = LOCAL_MODELS.find(([known]) => known === name);
  if (local !== undefined) return unserved(localCard(...local));
  const runtime = REMOTE_RUNTIMES.find((remote) => name.startsWith(`${remote}/`) && name.length > remote.length + 1);
  if (runtime === undefined) return undefined;
  return unserved({ name, runtime, type: 'textual', functions: REMOTE_FUNCTIONS, isDownloaded: true });
}

/** All documented names that can be listed one by one, as not served. */
export function listUnserved(): readonly KnownModelDescription[] {
  return LOCAL_MODELS.map((local) => unserved(localCard(...local)));
}

function localCard(name: string, dimensions: number): ModelCard {
  const type = name.endsWith('-visual') ? 'visual' : 'textual';
  return { name, runtime: 'ort', type, functions: ['embed'], dimensions, isDownloaded: false };
}

function unserved(card: ModelCard): KnownModelDescription {
  return {
    state: 'not_loadable',
    name: card.name,
    card,
    reason: `not served by this version: it has no runtime "${card.runtime}"`,
    hint: 'Use builtin/lexical, or a provider of your own.',
  };
}
