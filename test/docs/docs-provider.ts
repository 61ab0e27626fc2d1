import { defineModel } from '../../src/models/define-model.ts';
import { compileOutput } from '../../src/models/grammar/compile-output.ts';
import type { JsonValue } from '../../src/models/json-value.ts';
import { type ItemOutcome, invalid, succeeded } from '../../src/models/outcome.ts';
import type { GenerateItem } from '../../src/models/port.ts';
import type { ModelProvider } from '../../src/models/provider.ts';

/** The model that writes text in the examples of the documentation. */
export const WRITER = 'docs/writer';

const INVENTION: JsonValue = { name: 'gas light', year: 1792 };
const LINE = 'Gas light made the streets safe at night.';

/** Refuses what the local engines refuse. */
function answer({ output }: GenerateItem): ItemOutcome<string> {
  const compiled = compileOutput(output);
  if (compiled !== undefined && 'refusal' in compiled) return invalid(compiled.refusal);
  if (output.kind === 'plain') return succeeded(LINE);
  if (output.kind === 'json') return succeeded(JSON.stringify(INVENTION));
  if (output.kind === 'regex') return succeeded('1792-11-30');
  const [first] = output.choices;
  return first === undefined ? invalid('no choice') : succeeded(first);
}

const card = {
  name: WRITER,
  runtime: 'docs',
  type: 'textual',
  functions: ['generate', 'generate_json', 'generate_regex', 'generate_choice'],
  isDownloaded: true,
} as const;

/** A runtime whose one model gives the answers that the pages show. */
export const docsProvider: ModelProvider = {
  runtime: 'docs',
  list: async () => [{ state: 'loadable', name: WRITER, card }],
  describe: async ({ name }) => (name === WRITER ? { state: 'loadable', name, card } : undefined),
  load: async () =>
    defineModel({
      name: WRITER,
      runtime: 'docs',
      fingerprint: 'docs-1',
      generate: { functions: card.functions, maxBatch: 1, run: async (items) => items.map(answer) },
    }),
};
