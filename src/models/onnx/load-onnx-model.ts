import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cpuLimit } from '../../core/env.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { defineModel } from '../define-model.ts';
import type { LocalModel } from '../files/model-files.ts';
import type { ItemOutcome } from '../outcome.ts';
import type { Model } from '../port.ts';
import { startEngineThread } from './engine-thread.ts';
import type { ModelPlan } from './model-plan.ts';
import { superviseEngine } from './supervise-engine.ts';
import type { EngineSetup } from './thread-messages.ts';

/** To be raised with every change here that changes a vector or a score: cached answers and stored vectors hang on it. */
const ALGORITHM_VERSION = 1;
/** How long one call may take if all of its texts are as long as they can be; requests have 300 s by default. */
const LONGEST_CALL_MS = 60_000;
/** More bring nothing: texts of one length fill batches long before. */
const MOST_TEXTS = 256;
/** Documents that an item for reranking is taken to have. */
const DOCUMENTS_PER_ITEM = 16;
/** One call runs while the requests of the next are claimed and those of the last are recorded. */
const CALLS_AT_ONCE = 2;

export interface OnnxModelOptions {
  readonly model: LocalModel;
  readonly plan: ModelPlan;
  /** Put before every text. */
  readonly prefix: string;
  /** Names and versions of the packages that run it. */
  readonly engineVersions: string;
  readonly weightsHash: string;
  /** Another thread, for tests of threads that misbehave. */
  readonly threadEntry: URL | undefined;
}

/**
 * Loads a model into a thread of its own.
 *
 * @throws LamplighterError MODEL_FAILED when it cannot be loaded; the signal's reason.
 */
export async function loadOnnxModel(options: OnnxModelOptions, signal: AbortSignal): Promise<Model> {
  const { model, plan, prefix, engineVersions, weightsHash, threadEntry } = options;
  const { pooling, maxTokens, padTokenId, tokenizerPath, tokenizerConfigPath } = plan;
  const isReranker = plan.functions.includes('rerank');
  const setup: EngineSetup = {
    weightsPath: model.weightsPath,
    tokenizerPath,
    tokenizerConfigPath,
    task: isReranker ? { kind: 'rerank' } : { kind: 'embed', pooling, prefix },
    maxTokens,
    padTokenId,
    threads: cpuLimit(),
  };
  const start = (startSignal: AbortSignal) => startEngineThread(setup, startSignal, threadEntry);
  try {
    const paths = [tokenizerPath, ...(tokenizerConfigPath === undefined ? [] : [tokenizerConfigPath])];
    const tokenizerHashes = await Promise.all(paths.map(hashFile));
    const thread = await start(signal);
    const { dimensions, tokensPerSecond } = thread.facts;
    const engine = superviseEngine(thread, start);
    if (plan.dimensions !== undefined && dimensions !== plan.dimensions && !isReranker) {
      await engine.close();
      throw new Error(`it gives ${dimensions} dimensions, and its description says ${plan.dimensions}`);
    }
    const texts = Math.min(
      MOST_TEXTS,
      Math.max(1, Math.floor((tokensPerSecond * LONGEST_CALL_MS) / 1_000 / maxTokens)),
    );
    return defineModel({
      name: model.name,
      runtime: 'ort',
      fingerprint: fingerprintOf([
        ALGORITHM_VERSION,
        engineVersions,
        weightsHash,
        ...tokenizerHashes,
        JSON.stringify({ task: setup.task, maxTokens, padTokenId }),
      ]),
      maxConcurrency: CALLS_AT_ONCE,
      ...(isReranker
        ? {
            rerank: {
              maxBatch: Math.max(1, Math.floor(texts / DOCUMENTS_PER_ITEM)),
              // The thread answers a call of a kind with outcomes of that kind.
              run: async (items, callSignal) =>
                (await engine.call({ kind: 'rerank', items }, items.length, callSignal)) as ItemOutcome<number[]>[],
            },
          }
        : {
            embed: {
              ...(dimensions === undefined ? {} : { dimensions }),
              maxBatch: texts,
              run: async (items, callSignal) =>
                (await engine.call(
                  { kind: 'embed', texts: items },
                  items.length,
                  callSignal,
                )) as ItemOutcome<Float32Array>[],
            },
          }),
      close: () => engine.close(),
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new LamplighterError('MODEL_FAILED', `Model "${model.name}" could not be loaded: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function fingerprintOf(parts: readonly (string | number)[]): string {
  return `ort ${createHash('sha256').update(parts.join('\n')).digest('hex')}`;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
