import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { RECOMMENDED_MODELS } from '../../models/catalogue/local-models.ts';
import type { ModelProvider } from '../../models/provider.ts';
import { createModelRegistry } from '../../models/registry.ts';
import { type DemoStep, demand } from './narrator.ts';

const SCHEMA = `{
        "type": "object", "required": ["name", "age"],
        "additionalProperties": false, "properties": {
          "name": {"type": "string", "maxLength": 20},
          "age": {"type": "integer", "minimum": 1, "maximum": 99}}}`;

/** Shows generation with the worker's own model: free text, then text that cannot be anything but what was asked for. */
export function generateText(model: string): DemoStep {
  return async (narrator) => {
    narrator.step(
      'Generate',
      `Text from ${model}, then the same with its form laid down: one of the choices, a pattern, a JSON schema. A grammar keeps the ` +
        'model to the form while it writes, so that even a poor model gives well-formed answers, if not wise ones.',
    );
    const ask = async (queue: string) => {
      const [row] = await narrator.run<{ answer: string }>(`
    select steadytext_get_async_result(
      ${queue}, 120) as answer`);
      return row?.answer ?? '';
    };
    await ask(`steadytext_generate_async('Once upon a time', 32)`);
    const choice = await ask(`steadytext_generate_choice_async(
        'The weather was', array['fine', 'bad'])`);
    demand(['fine', 'bad'].includes(choice), 'one of the choices comes back');
    const code = await ask(`steadytext_generate_regex_async(
        'The number of the house is', '[A-F]{2}-[0-9]{3}', 32)`);
    demand(/^[A-F]{2}-[0-9]{3}$/.test(code), 'the pattern is matched');
    const person = await ask(`steadytext_generate_json_async('A person in the story:', '${SCHEMA}',
      128)`);
    demand(typeof JSON.parse(person).age === 'number', 'the answer follows the schema');
  };
}

/** Says what it takes to see generation here. */
export function skipGeneration({ reason, hint }: { readonly reason: string; readonly hint: string }): DemoStep {
  return async (narrator) => {
    narrator.step('Generate: skipped', `Text is generated where there is a model for it. Not here: ${reason}.`);
    narrator.tell(hint);
    narrator.tell('Or give a file: LAMPLIGHTER_DEMO_GGUF=/path/to/model.gguf lamplighter demo');
  };
}

/** Names the GGUF file that the demo generates text with. */
export const DEMO_GGUF_VARIABLE = 'LAMPLIGHTER_DEMO_GGUF';

/** The model to generate text with, or what it takes to have one. */
export type Generator = { readonly name: string } | { readonly reason: string; readonly hint: string };

/**
 * The model for the demo to generate text with: the one that the environment names, else the recommended one if it is on this machine.
 *
 * @throws LamplighterError MODEL_FAILED when the one that was asked for cannot be loaded.
 */
export async function findGenerator(env: Env, providers: readonly ModelProvider[]): Promise<Generator> {
  const wanted = env[DEMO_GGUF_VARIABLE];
  const name = wanted ?? RECOMMENDED_MODELS.generate;
  const description = await createModelRegistry({ providers }).describe(name);
  if (description.state === 'loadable' && description.card.functions.includes('generate')) return { name };
  const reason = description.state === 'loadable' ? 'it does not generate text' : description.reason;
  const hint = description.state === 'not_loadable' ? description.hint : undefined;
  if (wanted === undefined) return { reason: `the model ${name}: ${reason}`, hint: hint ?? '' };
  throw new LamplighterError('MODEL_FAILED', `${DEMO_GGUF_VARIABLE}: model "${wanted}" cannot be used: ${reason}`, {
    hint,
  });
}
