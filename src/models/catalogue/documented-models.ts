import { REQUEST_FUNCTIONS } from '../../core/request-functions.ts';
import type { ModelSpec } from '../files/model-files.ts';
import type { KnownModelDescription, ModelCard, ModelSelection } from '../provider.ts';
import { LOCAL_MODELS } from './local-models.ts';

/** The runtimes that can be named in a job row or on the command line, served by this version or not. */
export const RUNTIMES: readonly string[] = ['ort', 'openai', 'cohere', 'llama', 'builtin'];

/** Runtimes that are called over the network serve any name behind their prefix. */
const REMOTE_RUNTIMES: readonly string[] = ['openai', 'cohere'];

/** What the documented names say when no provider serves them; the last to be asked. */
export function describeUnserved({ name }: ModelSelection): KnownModelDescription | undefined {
  const local = LOCAL_MODELS.find((known) => known.name === name);
  if (local !== undefined) return unserved(cardOf(local));
  const runtime = REMOTE_RUNTIMES.find((remote) => name.startsWith(`${remote}/`) && name.length > remote.length + 1);
  if (runtime === undefined) return undefined;
  return unserved({ name, runtime, type: 'textual', functions: REQUEST_FUNCTIONS, isDownloaded: true });
}

/** All documented names that can be listed one by one, as not served. */
export function listUnserved(): readonly KnownModelDescription[] {
  return LOCAL_MODELS.map((local) => unserved(cardOf(local)));
}

function cardOf({ name, runtime, type, functions, embedding }: ModelSpec): ModelCard {
  const dimensions = embedding === undefined ? {} : { dimensions: embedding.dimensions };
  return { name, runtime, type, functions, ...dimensions, isDownloaded: false };
}

function unserved(card: ModelCard): KnownModelDescription {
  return {
    state: 'not_loadable',
    name: card.name,
    card,
    reason: `not served by this version: it has no runtime "${card.runtime}"`,
    hint: 'Use builtin/lexical, or your own provider.',
  };
}
