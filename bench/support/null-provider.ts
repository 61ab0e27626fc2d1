import { defineModel } from '../../src/models/define-model.ts';
import { succeeded } from '../../src/models/outcome.ts';
import type { ModelProvider } from '../../src/models/provider.ts';
import type { OnHandled } from './contenders/contender.ts';

const NAME = 'bench/null';

/** A model that answers every prompt with "ok" at once: what is left is the cost of the queue. */
export function createNullProvider(options: {
  readonly maxBatch: number;
  readonly onHandled?: OnHandled;
  /** Never answer. @default false */
  readonly isHolding?: boolean;
}): ModelProvider {
  const description = {
    state: 'loadable',
    name: NAME,
    card: { name: NAME, runtime: 'bench', type: 'textual', functions: ['generate'], isDownloaded: true },
  } as const;
  return {
    runtime: 'bench',
    list: async () => [description],
    describe: async ({ name }) => (name === NAME ? description : undefined),
    load: async () =>
      defineModel({
        name: NAME,
        runtime: 'bench',
        fingerprint: NAME,
        isCacheable: false,
        maxConcurrency: 64,
        generate: {
          maxBatch: options.maxBatch,
          run: async (items) => {
            options.onHandled?.(items.length, () => items.map(({ prompt }) => prompt));
            if (options.isHolding === true) await new Promise(() => undefined);
            return items.map(() => succeeded('ok'));
          },
        },
      }),
  };
}

export const NULL_MODEL = NAME;
