import type { LlamaModel } from 'node-llama-cpp';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { EngineValue, EngineWork } from '../engine/engine-messages.ts';
import type { Engine, EngineCall } from '../engine/serve-engine.ts';
import { failed, type ItemOutcome } from '../outcome.ts';
import { answerWords, createTokenFinder } from '../tokens/token-ends.ts';
import { createWordTokenizer } from './count-tokens.ts';
import { createTextEmbedder } from './embed/text-embedder.ts';
import type { LlamaEngine } from './llama-engine.ts';
import type { LlamaModelFacts, LlamaModelSetup } from './llama-settings.ts';
import { createDocumentJudge } from './rerank/document-judge.ts';
import { BARE_TEMPLATE, createDocumentRanker } from './rerank/document-ranker.ts';

/** Tokens of a long prompt evaluated at once: about a second of one thread for a model of 0.6B parameters. */
const CPU_BATCH_TOKENS = 128;
const GPU_BATCH_TOKENS = 512;

/** A model that is open in this process. */
export interface OpenLlamaModel extends Engine {
  readonly facts: LlamaModelFacts;
}

/**
 * Loads the weights and makes the context. Items are answered one after the other: there is one sequence, and an answer must find it
 * empty.
 *
 * @throws LamplighterError MODEL_FAILED when the file or the machine does not allow it.
 */
export async function openLlamaModel(engine: LlamaEngine, setup: LlamaModelSetup): Promise<OpenLlamaModel> {
  const model = await engine.loadModel(setup.weightsPath);
  const { method, answer, contextTokens, dimensions } = await methodOf(engine, model, setup);
  const finder = createTokenFinder(createWordTokenizer(engine, model));
  return {
    facts: { version: engine.version, contextTokens, dimensions },
    async answer(work, call) {
      if (work.method === 'tokenize') return answerWords(work.items, finder, call);
      if (work.method !== method) throw new Error(`This engine does not ${work.method}`);
      // The items of a method are what its answer takes.
      for (const [position, item] of work.items.entries()) await answerItem(answer as AnyAnswer, position, item, call);
    },
  };
}

async function answerItem(answer: AnyAnswer, position: number, item: unknown, call: EngineCall): Promise<void> {
  await call.working([position]);
  try {
    call.ended(position, await answer(item, call.signal));
  } catch (error) {
    call.signal.throwIfAborted();
    call.ended(position, failed(`The model failed: ${messageOf(error)}`));
  }
}

type Answer<Item, Value> = (item: Item, signal: AbortSignal) => Promise<ItemOutcome<Value>>;
type AnyAnswer = Answer<unknown, EngineValue>;

interface Method {
  readonly method: EngineWork['method'];
  readonly answer: Answer<never, EngineValue>;
  readonly contextTokens: number;
  readonly dimensions?: number;
}

async function methodOf(
  engine: LlamaEngine,
  model: LlamaModel,
  { facts, prefix, settings, maxTokens: mostTokens = Number.POSITIVE_INFINITY }: LlamaModelSetup,
): Promise<Method> {
  const maxTokens = Math.min(mostTokens, model.trainContextSize, settings.contextTokens);
  const threads = { ideal: settings.threads, min: settings.threads };
  const forGenerating = {
    contextSize: maxTokens,
    batchSize: Math.min(maxTokens, engine.llama.gpu === false ? CPU_BATCH_TOKENS : GPU_BATCH_TOKENS),
    sequences: 1,
    threads,
    failedCreationRemedy: false,
  } as const;
  // Encoders see a whole text at once; the engine takes only what is shorter than its context.
  const forEncoding = { contextSize: maxTokens + 1, batchSize: maxTokens + 1, threads: settings.threads };
  const make = <T>(create: () => Promise<T>) => createContext(create, maxTokens);
  switch (facts.duty) {
    case 'generate': {
      // Compiles grammars with packages that embedders and rerankers do without.
      const { createTextGenerator } = await import('./generate/text-generator.ts');
      const context = await make(() => model.createContext(forGenerating));
      const answer = createTextGenerator(engine, model, context, facts.chatTemplate);
      return { method: 'generate', answer, contextTokens: context.contextSize };
    }
    case 'embed': {
      const context = await make(() => model.createEmbeddingContext(forEncoding));
      const answer = createTextEmbedder(engine, model, context, { maxTokens, prefix });
      return { method: 'embed', answer, contextTokens: maxTokens, dimensions: model.embeddingVectorSize };
    }
    case 'rank': {
      const context = await make(() => model.createRankingContext({ ...forEncoding, template: BARE_TEMPLATE }));
      const answer = createDocumentRanker(engine, model, context, { maxTokens, template: facts.rankTemplate });
      return { method: 'rerank', answer, contextTokens: maxTokens };
    }
    case 'judge': {
      const context = await make(() => model.createContext(forGenerating));
      return {
        method: 'rerank',
        answer: createDocumentJudge(engine, model, context),
        contextTokens: context.contextSize,
      };
    }
  }
}

async function createContext<T>(create: () => Promise<T>, tokens: number): Promise<T> {
  try {
    return await create();
  } catch (cause) {
    throw new LamplighterError('MODEL_FAILED', `No context of ${tokens} tokens can be made: ${messageOf(cause)}`, {
      cause,
      hint: 'Set LAMPLIGHTER_LLAMA_CONTEXT to fewer tokens, or free memory.',
    });
  }
}
