import { cpuLimit } from '../../../core/env.ts';
import { isLamplighterError, LamplighterError, messageOf } from '../../../core/errors.ts';
import { type Logger, silentLogger } from '../../../core/log.ts';
import { defineModel } from '../../define-model.ts';
import { startSupervisedEngine } from '../../engine/supervise-engine.ts';
import type { LocalModel } from '../../files/model-files.ts';
import type { Model } from '../../port.ts';
import { CALLS_AT_ONCE, fingerprintOf, hashFile, ONNX_ENTRY } from '../load-onnx-model.ts';
import type { ImageEngineFacts, ImageEngineSetup } from './image-engine.ts';
import type { ImagePlan } from './image-plan.ts';

/** Raise it with every change here that changes a vector: stored ones hang on it. */
const ALGORITHM_VERSION = 1;
/** Images of 20 MB are decoded and run in less than 2 s each. */
const MOST_IMAGES = 16;

/** Why a model of images answers no request. */
const TAKES_IMAGES = 'it takes images, and requests hold texts';

export interface ImageModelOptions {
  readonly model: LocalModel;
  readonly plan: ImagePlan;
  /** Names and versions of the packages that run it. */
  readonly engineVersions: string;
  readonly weightsHash: string;
  /** Another module for the process, for tests of engines that misbehave. */
  readonly engineEntry: URL | undefined;
  /** @default silent */
  readonly log: Logger | undefined;
}

/**
 * Loads a model of images into a process of its own.
 *
 * @throws LamplighterError MODEL_FAILED when it cannot be loaded; the signal's reason.
 */
export async function loadImageModel(options: ImageModelOptions, signal: AbortSignal): Promise<Model> {
  const { model, plan, engineVersions, weightsHash, engineEntry: entry = ONNX_ENTRY, log = silentLogger } = options;
  const { weightsPath, name } = model;
  const { settings, settingsPath } = plan;
  const setup: ImageEngineSetup = { kind: 'images', weightsPath, settings, threads: cpuLimit() };
  try {
    const settingsHash = await hashFile(settingsPath);
    const engine = await startSupervisedEngine({ entry, setup, log, name, files: [weightsPath, settingsPath] }, signal);
    // Of the engine's own making.
    const { dimensions } = engine.facts as ImageEngineFacts;
    if (plan.dimensions !== undefined && dimensions !== plan.dimensions) {
      await engine.close();
      throw new Error(`it gives ${dimensions} dimensions, and its description says ${plan.dimensions}`);
    }
    return defineModel({
      name,
      runtime: 'ort',
      fingerprint: fingerprintOf([ALGORITHM_VERSION, engineVersions, weightsHash, settingsHash]),
      maxConcurrency: CALLS_AT_ONCE,
      refusals: { embed: `Model "${name}" cannot embed a text: ${TAKES_IMAGES}` },
      embedImages: { dimensions, maxBatch: MOST_IMAGES, run: engine.embedImages },
      close: () => engine.close(),
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new LamplighterError('MODEL_FAILED', `Model "${name}" could not be loaded: ${messageOf(cause)}`, {
      cause,
      hint: isLamplighterError(cause) ? cause.hint : undefined,
    });
  }
}
