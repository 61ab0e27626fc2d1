import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LocalModel, ModelFiles, ModelSpec } from '../../../src/models/files/model-files.ts';
import { createLlamaProvider } from '../../../src/models/llama/llama-provider.ts';
import type { LlamaSettings } from '../../../src/models/llama/llama-settings.ts';
import type { ItemOutcome } from '../../../src/models/outcome.ts';
import type { GenerateItem, GenerateOutput, Model } from '../../../src/models/port.ts';
import type { ModelProvider } from '../../../src/models/provider.ts';
import { WEIGHTS } from '../../support/real-weights.ts';

const FIXTURES = new URL('../fixtures/gguf/', import.meta.url);

/** Never aborts. */
export const NEVER = new AbortController().signal;

/** One thread: more would spin against the other tests. */
export const SETTINGS: LlamaSettings = { gpu: false, threads: 1, contextTokens: 4_096 };

/** The path of a model with random weights, such as `tiny-generator`. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`${name}.gguf`, FIXTURES));
}

/** The path of a file among the real models, whether it is there or not. */
export function realModel(name: string): string {
  return `${WEIGHTS}/${name}`;
}

/** For titles: tests of real weights say so when they are skipped. */
export function missingNote(name: string): string {
  return existsSync(realModel(name)) ? '' : ` (skipped: no ${realModel(name)})`;
}

export function isMissing(name: string): boolean {
  return !existsSync(realModel(name));
}

/** Every path is a model; `spec` is what a catalogue would say of it. */
export function filesAt(spec: Partial<ModelSpec> | undefined): ModelFiles {
  const find = (name: string): LocalModel => ({
    name,
    runtime: 'llama',
    path: name,
    weightsPath: name,
    // Tests give only what they are about.
    spec: spec as ModelSpec | undefined,
  });
  return {
    list: async () => [],
    find: async (name) => ({ state: 'local', model: find(name) }),
    hashWeights: async ({ path }) => `hash of ${path}`,
  };
}

export function providerOf(spec?: Partial<ModelSpec>, settings: Partial<LlamaSettings> = {}): ModelProvider {
  return createLlamaProvider({ files: filesAt(spec), settings: { ...SETTINGS, ...settings } });
}

const shared = providerOf();

export function loadModel(path: string): Promise<Model> {
  return shared.load({ name: path }, NEVER);
}

export function generateItem(prompt: string, output: GenerateOutput = { kind: 'plain' }, maxTokens = 64): GenerateItem {
  return { prompt, maxTokens, seed: 42, output };
}

/** The answers to one call, one per item. */
export function generate(model: Model, ...items: GenerateItem[]): Promise<readonly ItemOutcome<string>[]> {
  return model.generate(items, NEVER);
}

/** The answer to one item; fails where there is none. */
export async function textOf(model: Model, item: GenerateItem): Promise<string> {
  return answerOf((await generate(model, item))[0]);
}

export function answerOf<T>(outcome: ItemOutcome<T> | undefined): T {
  if (outcome?.ok === true) return outcome.value;
  throw new Error(outcome === undefined ? 'no answer' : `${outcome.error.kind}: ${outcome.error.message}`);
}
