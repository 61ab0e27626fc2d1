import type { LlamaModel } from 'node-llama-cpp';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { defineModel, type ModelDefinition } from '../define-model.ts';
import type { LocalModel } from '../files/model-files.ts';
import type { ItemOutcome } from '../outcome.ts';
import type { Model } from '../port.ts';
import { createTextEmbedder } from './embed/text-embedder.ts';
import { functionsOfDuty, type GgufFacts } from './gguf/gguf-facts.ts';
import type { LlamaEngine } from './llama-engine.ts';
import type { LlamaSettings } from './llama-settings.ts';
import { createDocumentJudge } from './rerank/document-judge.ts';
import { BARE_TEMPLATE, createDocumentRanker } from './rerank/document-ranker.ts';
import { createTurns } from './take-turns.ts';

/** To be raised with every change of ours that changes an answer: cached answers and stored vectors hang on it. */
const ANSWERS_VERSION = 1;

/**
 * Texts of one call. They are embedded one after the other, so that more only save round trips to the database. Answers
 * and rankings come one to a call: each can take as long as a request may.
 */
const EMBED_BATCH = 16;

/** Tokens of a long prompt evaluated at once: about a second of one thread for a model of 0.6B parameters. */
const CPU_BATCH_TOKENS = 128;
const GPU_BATCH_TOKENS = 512;

export interface LlamaModelOptions {
  readonly local: LocalModel;
  readonly facts: GgufFacts;
  readonly weightsHash: string;
  /** Put before texts that are embedded. */
  readonly prefix: string;
  readonly settings: LlamaSettings;
}

/**
 * Loads the weights and makes the context; what cannot be answered by itself holds back neither the event loop nor, for
 * more than a step, other models.
 *
 * @throws LamplighterError MODEL_FAILED when the file or the machine does not allow it.
 */
export async function loadLlamaModel(
  engine: LlamaEngine,
  options: LlamaModelOptions,
  signal: AbortSignal,
): Promise<Model> {
  let model: LlamaModel | undefined;
  try {
    model = await engine.loadModel(options.local.weightsPath, signal);
    return await assemble(engine, model, options, signal);
  } catch (error) {
    await model?.dispose();
    throw error;
  }
}

async function assemble(
  engine: LlamaEngine,
  model: LlamaModel,
  options: LlamaModelOptions,
  signal: AbortSignal,
): Promise<Model> {
  const { local, weightsHash, prefix, settings } = options;
  const queue = createTurns();
  const { method, contextTokens } = await methodOf(engine, model, options, signal);
  const parts = [local.runtime, ANSWERS_VERSION, weightsHash, engine.version, settings.threads, contextTokens, prefix];
  return defineModel({
    name: local.name,
    runtime: local.runtime,
    fingerprint: JSON.stringify(parts),
    ...method(<Item, Value>(answer: Answer<Item, Value>) => oneByOne(queue.run, answer)),
    close: () => queue.run(() => engine.turns.run(() => model.dispose())),
  });
}

type Answer<Item, Value> = (item: Item, signal: AbortSignal) => Promise<ItemOutcome<Value>>;
type Run<Item, Value> = (items: readonly Item[], signal: AbortSignal) => Promise<readonly ItemOutcome<Value>[]>;
type Methods = Pick<ModelDefinition, 'embed' | 'generate' | 'rerank'>;

interface Method {
  readonly method: (each: <Item, Value>(answer: Answer<Item, Value>) => Run<Item, Value>) => Methods;
  readonly contextTokens: number;
}

/** Calls wait for each other: there is one sequence, and an answer must find it empty. */
function oneByOne<Item, Value>(
  enqueue: <T>(work: () => Promise<T>) => Promise<T>,
  answer: Answer<Item, Value>,
): Run<Item, Value> {
  return async (items, signal) => {
    const outcomes: ItemOutcome<Value>[] = [];
    for (const item of items) {
      outcomes.push(
        await enqueue(() => {
          signal.throwIfAborted();
          return answer(item, signal);
        }),
      );
    }
    return outcomes;
  };
}

async function methodOf(
  engine: LlamaEngine,
  model: LlamaModel,
  { facts, local: { spec }, prefix, settings }: LlamaModelOptions,
  signal: AbortSignal,
): Promise<Method> {
  const { turns } = engine;
  const maxTokens = Math.min(
    spec?.maxTokens ?? Number.POSITIVE_INFINITY,
    model.trainContextSize,
    settings.contextTokens,
  );
  const threads = { ideal: settings.threads, min: settings.threads };
  const forGenerating = {
    contextSize: maxTokens,
    batchSize: Math.min(maxTokens, engine.llama.gpu === false ? CPU_BATCH_TOKENS : GPU_BATCH_TOKENS),
    sequences: 1,
    threads,
    createSignal: signal,
    failedCreationRemedy: false,
  } as const;
  // Encoders see a whole text at once; the engine takes only what is shorter than its context.
  const forEncoding = {
    contextSize: maxTokens + 1,
    batchSize: maxTokens + 1,
    threads: settings.threads,
    createSignal: signal,
  };
  const make = <T>(create: () => Promise<T>) => turns.run(() => createContext(create, maxTokens, signal));
  switch (facts.duty) {
    case 'generate': {
      // Compiles grammars with packages that embedders and rerankers do without.
      const { createTextGenerator } = await import('./generate/text-generator.ts');
      const context = await make(() => model.createContext(forGenerating));
      const answer = createTextGenerator(engine, model, context, facts.chatTemplate);
      const functions = functionsOfDuty('generate').filter((fn) => fn !== 'embed' && fn !== 'rerank');
      return {
        method: (each) => ({ generate: { functions, run: each(answer) } }),
        contextTokens: context.contextSize,
      };
    }
    case 'embed': {
      const context = await make(() => model.createEmbeddingContext(forEncoding));
      const answer = createTextEmbedder(engine, model, context, { maxTokens, prefix });
      const dimensions = model.embeddingVectorSize;
      return {
        method: (each) => ({ embed: { dimensions, maxBatch: EMBED_BATCH, run: each(answer) } }),
        contextTokens: maxTokens,
      };
    }
    case 'rank': {
      const context = await make(() => model.createRankingContext({ ...forEncoding, template: BARE_TEMPLATE }));
      const answer = createDocumentRanker(engine, model, context, { maxTokens, template: facts.rankTemplate });
      return { method: (each) => ({ rerank: { run: each(answer) } }), contextTokens: maxTokens };
    }
    case 'judge': {
      const context = await make(() => model.createContext(forGenerating));
      const answer = createDocumentJudge(engine, model, context);
      return {
        method: (each) => ({ rerank: { run: each(answer) } }),
        contextTokens: context.contextSize,
      };
    }
  }
}

async function createContext<T>(create: () => Promise<T>, tokens: number, signal: AbortSignal): Promise<T> {
  try {
    return await create();
  } catch (cause) {
    signal.throwIfAborted();
    throw new LamplighterError('MODEL_FAILED', `No context of ${tokens} tokens can be made: ${messageOf(cause)}`, {
      cause,
      hint: 'Set LAMPLIGHTER_LLAMA_CONTEXT to fewer tokens, or free memory.',
    });
  }
}
