import { type Logger, silentLogger } from '../../core/log.ts';
import { defineModel, type ModelDefinition } from '../define-model.ts';
import { type SupervisedEngine, startSupervisedEngine } from '../engine/supervise-engine.ts';
import type { LocalModel } from '../files/model-files.ts';
import type { Model } from '../port.ts';
import { tokenizeTexts } from '../tokens/tokenize-texts.ts';
import { withPrefixes } from '../with-prefixes.ts';
import { functionsOfDuty, type GgufFacts } from './gguf/gguf-facts.ts';
import type { LlamaModelFacts, LlamaModelSetup, LlamaSettings } from './llama-settings.ts';

/** Raise it with every change of ours that changes an answer: cached answers and stored vectors hang on it. */
const ANSWERS_VERSION = 1;

/**
 * Texts of one call. They are embedded one after the other, so that more only save round trips to the database. Answers
 * and rankings come one to a call: each can take as long as a request may.
 */
const EMBED_BATCH = 16;

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './serve-llama.ts' : './serve-llama.js', import.meta.url);

export interface LlamaModelOptions {
  readonly local: LocalModel;
  readonly facts: GgufFacts;
  readonly weightsHash: string;
  /** Put before texts that are embedded. */
  readonly prefix: string;
  /** Put before texts that are searched with. */
  readonly queryPrefix: string;
  readonly settings: LlamaSettings;
  /** Another module for the process, for tests of engines that misbehave. */
  readonly engineEntry: URL | undefined;
  /** @default silent */
  readonly log: Logger | undefined;
}

/**
 * Loads a model into a process of its own.
 *
 * @throws LamplighterError MODEL_FAILED when the package, the file or the machine does not allow it; the signal's reason.
 */
export async function loadLlamaModel(options: LlamaModelOptions, signal: AbortSignal): Promise<Model> {
  const { local, facts, weightsHash, prefix, settings, engineEntry: entry = ENTRY, log = silentLogger } = options;
  const { name, runtime, weightsPath, spec } = local;
  const { queryPrefix } = options;
  // The engine knows one prefix, which is put before the texts here where there are two.
  const prefixes = queryPrefix === prefix ? undefined : { document: prefix, query: queryPrefix };
  const own = prefixes === undefined ? prefix : '';
  const setup: LlamaModelSetup = { weightsPath, maxTokens: spec?.maxTokens, facts, prefix: own, settings };
  const engine = await startSupervisedEngine({ entry, setup, log, name, files: [weightsPath] }, signal);
  // Of the engine's own making.
  const { version, contextTokens, dimensions } = engine.facts as LlamaModelFacts;
  const parts = [runtime, ANSWERS_VERSION, weightsHash, version, settings.threads, contextTokens, prefix];
  return defineModel({
    name,
    runtime,
    fingerprint: JSON.stringify(parts),
    ...methodsOf(facts, engine, dimensions, contextTokens, prefixes),
    close: () => engine.close(),
  });
}

function methodsOf(
  { duty }: GgufFacts,
  { embed, tokenize, rerank, generate }: SupervisedEngine,
  dimensions: number | undefined,
  window: number,
  prefixes: { readonly document: string; readonly query: string } | undefined,
): Pick<ModelDefinition, 'embed' | 'generate' | 'rerank'> {
  switch (duty) {
    case 'generate': {
      const functions = functionsOfDuty(duty).filter((fn) => fn !== 'embed' && fn !== 'rerank');
      return { generate: { functions, run: generate } };
    }
    case 'embed':
      return {
        embed: {
          ...(dimensions === undefined ? {} : { dimensions }),
          window,
          maxBatch: EMBED_BATCH,
          tokenize: (texts, signal, progress) => tokenizeTexts(texts, tokenize, signal, progress),
          ...withPrefixes(embed, prefixes),
        },
      };
    case 'rank':
    case 'judge':
      return { rerank: { run: rerank } };
  }
}
