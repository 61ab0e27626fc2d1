import { type Clock, systemClock } from '../../core/clock.ts';
import type { Env } from '../../core/env.ts';
import { createHashStore } from './hash-store.ts';
import { createHubClient } from './hub/hub-client.ts';
import { readHubSettings } from './hub/hub-settings.ts';
import { createLockFile } from './lock-file.ts';
import type { ModelSpec } from './model-files.ts';
import { modelFolder } from './model-folder.ts';
import { type PullOptions, type PullResult, pullModel } from './pull-model.ts';

export interface ModelPullerOptions {
  /** The environment, for `LAMPLIGHTER_MODEL_DIR`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE` and the platform's cache folder. */
  readonly env: Env;
  /** The folder of models; wins over the environment. */
  readonly modelDir?: string | undefined;
  /** Never call out. */
  readonly isOffline?: boolean;
  readonly clock?: Clock;
}

/** Brings models to this machine. */
export interface ModelPuller {
  /** See {@link pullModel}. */
  pull(spec: ModelSpec, options: PullOptions): Promise<PullResult>;
}

/**
 * A puller into the folder of models.
 *
 * @throws LamplighterError CONFIG_INVALID when `HF_ENDPOINT` or `HF_TOKEN` cannot be used.
 */
export function createModelPuller({
  env,
  modelDir,
  isOffline = false,
  clock = systemClock,
}: ModelPullerOptions): ModelPuller {
  const root = modelFolder(env, modelDir);
  const settings = readHubSettings(env, isOffline);
  const deps = {
    root,
    hub: createHubClient(settings),
    isOffline: settings.isOffline,
    lockFile: createLockFile(root, clock),
    hashes: createHashStore(root),
    clock,
  };
  return { pull: (spec, options) => pullModel(deps, spec, options) };
}
