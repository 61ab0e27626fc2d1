import process from 'node:process';
import { createProviders } from '../../src/models/create-providers.ts';
import type { ModelProvider } from '../../src/models/provider.ts';
import { createModelRegistry, type ModelRegistry } from '../../src/models/registry.ts';
import { hasWeights, readReference, WEIGHTS } from '../support/real-weights.ts';

/** The name that a job may give. */
export const MODEL = 'real/all-MiniLM-L6-v2';
/** The name that the registry knows. */
export const FOLDER = `${WEIGHTS}/all-MiniLM-L6-v2`;

interface Reference {
  readonly texts: readonly { readonly text: string; readonly vector: number[] }[];
  readonly passages: readonly string[];
  readonly questions: readonly { readonly query: string; readonly order_top3: number[] }[];
}

/** A registry of the one model, and a provider for a daemon: a row of the jobs table can name no path. */
export function createRealModel(): { readonly registry: ModelRegistry; readonly provider: ModelProvider } {
  const registry = createModelRegistry({ providers: createProviders({ env: process.env, given: [FOLDER] }) });
  const provider: ModelProvider = {
    runtime: 'real',
    list: async () => [],
    async describe({ name }) {
      if (name !== MODEL) return undefined;
      const known = await registry.describe(FOLDER);
      return known.state === 'unknown' ? undefined : known;
    },
    load: (_, signal) => registry.load(FOLDER, signal),
  };
  return { registry, provider };
}

/**
 * What its authors' code answers, without blank texts, which have no vector, and those with a NUL, which PostgreSQL does not have. Nothing
 * where there are no weights.
 */
export function readRealReference(): Reference {
  if (!hasWeights) return { texts: [], passages: [], questions: [] };
  const reference = readReference<Reference>('all-MiniLM-L6-v2');
  return { ...reference, texts: reference.texts.filter(({ text }) => text.trim() !== '' && !text.includes('\0')) };
}
