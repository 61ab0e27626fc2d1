import { REQUEST_FUNCTIONS } from '../../src/core/request-functions.ts';
import { defineModel } from '../../src/models/define-model.ts';
import { succeeded } from '../../src/models/outcome.ts';
import type { KnownModelDescription, ModelProvider } from '../../src/models/provider.ts';
import { eventually } from './eventually.ts';

export interface GatedCall {
  readonly prompt: string;
  readonly signal: AbortSignal;
  /** Ends the call with an answer. */
  answer(text: string): void;
}

export interface GatedProvider extends ModelProvider {
  /** The nth call for a prompt, once it has been made. */
  call(prompt: string, nth?: number): Promise<GatedCall>;
  readonly calls: readonly GatedCall[];
}

/** Serves `gated/model` for generate, one prompt a call: a model that is deaf to its signal and answers when the test says so. */
export function createGatedProvider(): GatedProvider {
  const calls: GatedCall[] = [];
  const generate = REQUEST_FUNCTIONS.filter((fn) => fn !== 'embed' && fn !== 'rerank');
  const card = {
    name: 'gated/model',
    runtime: 'gated',
    type: 'textual',
    functions: generate,
    isDownloaded: true,
  } as const;
  const known: KnownModelDescription = { state: 'loadable', name: card.name, card };
  return {
    runtime: 'gated',
    calls,
    call: (prompt, nth = 1) =>
      eventually(
        () => {
          const call = calls.filter((candidate) => candidate.prompt === prompt)[nth - 1];
          if (call === undefined) throw new Error(`there was no call ${nth} for "${prompt}"`);
          return call;
        },
        { intervalMs: 2 },
      ),
    list: async () => [known],
    describe: async ({ name }) => (name === card.name ? known : undefined),
    load: async () =>
      defineModel({
        name: card.name,
        runtime: 'gated',
        fingerprint: 'gated',
        maxConcurrency: Number.POSITIVE_INFINITY,
        generate: {
          functions: generate,
          run: ([item], signal) =>
            new Promise((resolve) => {
              const answer = (text: string) => resolve([succeeded(text)]);
              calls.push({ prompt: item?.prompt ?? '', signal, answer });
            }),
        },
      }),
  };
}
