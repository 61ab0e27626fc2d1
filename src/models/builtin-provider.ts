import { createLexicalModel, LEXICAL_MODEL_NAME } from './lexical/lexical-model.ts';
import type { KnownModelDescription, ModelProvider, ModelSelection } from './provider.ts';

/** Serves `builtin/lexical`, which is always there. */
export function createBuiltinProvider(): ModelProvider {
  return {
    runtime: 'builtin',
    list: async () => [describeLexical({ name: LEXICAL_MODEL_NAME })],
    describe: async (selection) => (selection.name === LEXICAL_MODEL_NAME ? describeLexical(selection) : undefined),
    load: async () => createLexicalModel(),
  };
}

function describeLexical({ name, dimensions }: ModelSelection): KnownModelDescription {
  const card = {
    name,
    runtime: 'builtin',
    type: 'textual',
    functions: ['embed', 'rerank'],
    dimensions: 384,
    isDownloaded: true,
  } as const;
  if (dimensions === undefined || dimensions === card.dimensions) return { state: 'loadable', name, card };
  return { state: 'not_loadable', name, card, reason: `it gives ${card.dimensions} dimensions, not ${dimensions}` };
}
