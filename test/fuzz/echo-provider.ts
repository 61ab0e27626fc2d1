import { REQUEST_FUNCTIONS } from '../../src/core/request-functions.ts';
import { defineModel } from '../../src/models/define-model.ts';
import { succeeded } from '../../src/models/outcome.ts';
import type { GenerateItem } from '../../src/models/port.ts';
import type { KnownModelDescription, ModelProvider } from '../../src/models/provider.ts';

const GENERATE_FUNCTIONS = REQUEST_FUNCTIONS.filter((fn) => fn !== 'embed' && fn !== 'rerank');

/** Serves `echo/model`, whose answer is a function of the request alone, whatever its texts say: {@link echoOf}. */
export function createEchoProvider(): ModelProvider {
  const card = {
    name: 'echo/model',
    runtime: 'echo',
    type: 'textual',
    functions: GENERATE_FUNCTIONS,
    isDownloaded: true,
  } as const;
  const known: KnownModelDescription = { state: 'loadable', name: card.name, card };
  return {
    runtime: 'echo',
    list: async () => [known],
    describe: async ({ name }) => (name === card.name ? known : undefined),
    load: async () =>
      defineModel({
        name: card.name,
        runtime: 'echo',
        fingerprint: 'echo',
        maxConcurrency: 4,
        generate: {
          functions: GENERATE_FUNCTIONS,
          maxBatch: 16,
          run: async (items) => items.map((item) => succeeded(echo(item))),
        },
      }),
  };
}

function echo({ prompt, output }: GenerateItem): string {
  return echoOf(prompt, output.kind === 'json', output.kind === 'choice' ? output.choices : undefined);
}

/** The prompt; for JSON a string that holds it; for a choice the last one. */
export function echoOf(prompt: string, isJson: boolean, choices: readonly string[] | undefined): string {
  return choices?.at(-1) ?? (isJson ? JSON.stringify(prompt) : prompt);
}
