import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cpuLimit } from '../../core/env.ts';
import { isLamplighterError, LamplighterError, messageOf } from '../../core/errors.ts';
import { type Logger, silentLogger } from '../../core/log.ts';
import { defineModel } from '../define-model.ts';
import { startSupervisedEngine } from '../engine/supervise-engine.ts';
import type { LocalModel } from '../files/model-files.ts';
import type { Model } from '../port.ts';
import { tokenizeTexts } from '../tokens/tokenize-texts.ts';
import { withPrefixes } from '../with-prefixes.ts';
import type { EngineFacts, EngineSetup } from './engine-setup.ts';
import type { ModelPlan } from './model-plan.ts';

/** Raise it with every change here that changes a vector or a score: cached answers and stored vectors hang on it. */
const ALGORITHM_VERSION = 1;
/** How long one call may take if all of its texts are as long as they can be; requests have 300 s by default. */
const LONGEST_CALL_MS = 60_000;
/** More bring nothing: texts of one length fill batches long before. */
const MOST_TEXTS = 256;
/** Documents that an item for reranking is taken to have. */
const DOCUMENTS_PER_ITEM = 16;
/** One call runs while the requests of the next are claimed and those of the last are recorded. */
export const CALLS_AT_ONCE = 2;

/** The module of the engine's process, for texts and images. */
export const ONNX_ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './serve-onnx.ts' : './serve-onnx.js',
  import.meta.url,
);

export interface OnnxModelOptions {
  readonly model: LocalModel;
  readonly plan: ModelPlan;
  /** Put before every text. */
  readonly prefix: string;
  /** Put before texts that are searched with; undefined for the same. */
  readonly queryPrefix: string | undefined;
  /** Names and versions of the packages that run it. */
  readonly engineVersions: string;
  readonly weightsHash: string;
  /** Another module for the process, for tests of engines that misbehave. */
  readonly engineEntry: URL | undefined;
  /** @default silent */
  readonly log: Logger | undefined;
}

/**
 * Loads a model into a process of its own.
 *
 * @throws LamplighterError MODEL_FAILED when it cannot be loaded; the signal's reason.
 */
export async function loadOnnxModel(options: OnnxModelOptions, signal: AbortSignal): Promise<Model> {
  const {
    model,
    plan,
    prefix,
    engineVersions,
    weightsHash,
    engineEntry: entry = ONNX_ENTRY,
    log = silentLogger,
  } = options;
  const { pooling, maxTokens, padTokenId, tokenizerPath, tokenizerConfigPath } = plan;
  const isReranker = plan.functions.includes('rerank');
  const { queryPrefix = prefix } = options;
  // The engine knows one prefix, which is put before the texts here where there are two.
  const prefixes = queryPrefix === prefix ? undefined : { document: prefix, query: queryPrefix };
  const task: EngineSetup['task'] = isReranker ? { kind: 'rerank' } : { kind: 'embed', pooling, prefix };
  const setup: EngineSetup = {
    kind: 'texts',
    weightsPath: model.weightsPath,
    tokenizerPath,
    tokenizerConfigPath,
    task: task.kind === 'embed' ? { ...task, prefix: prefixes === undefined ? prefix : '' } : task,
    maxTokens,
    padTokenId,
    threads: cpuLimit(),
  };
  try {
    const paths = [tokenizerPath, ...(tokenizerConfigPath === undefined ? [] : [tokenizerConfigPath])];
    const tokenizerHashes = await Promise.all(paths.map(hashFile));
    const engine = await startSupervisedEngine(
      { entry, setup, log, name: model.name, files: [model.weightsPath, ...paths] },
      signal,
    );
    // Of the engine's own making.
    const { dimensions, tokensPerSecond } = engine.facts as EngineFacts;
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
        JSON.stringify({ task, maxTokens, padTokenId }),
      ]),
      maxConcurrency: CALLS_AT_ONCE,
      ...(isReranker
        ? { rerank: { maxBatch: Math.max(1, Math.floor(texts / DOCUMENTS_PER_ITEM)), run: engine.rerank } }
        : {
            embed: {
              ...(dimensions === undefined ? {} : { dimensions }),
              window: maxTokens,
              maxBatch: texts,
              tokenize: (all, callSignal, progress) => tokenizeTexts(all, engine.tokenize, callSignal, progress),
              ...withPrefixes(engine.embed, prefixes),
            },
          }),
      close: () => engine.close(),
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new LamplighterError('MODEL_FAILED', `Model "${model.name}" could not be loaded: ${messageOf(cause)}`, {
      cause,
      hint: isLamplighterError(cause) ? cause.hint : undefined,
    });
  }
}

/** Names what a model's answers hang on. */
export function fingerprintOf(parts: readonly (string | number)[]): string {
  return `ort ${createHash('sha256').update(parts.join('\n')).digest('hex')}`;
}

/** SHA-256 in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
