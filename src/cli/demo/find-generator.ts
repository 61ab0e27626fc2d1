import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { RECOMMENDED_MODELS } from '../../models/catalogue/local-models.ts';
import type { ModelProvider } from '../../models/provider.ts';
import { createModelRegistry } from '../../models/registry.ts';

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
