import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { createModelPuller } from '../../../src/models/files/create-model-puller.ts';
import type { ModelSpec } from '../../../src/models/files/model-files.ts';
import type { PullEvent } from '../../../src/models/files/pull-event.ts';
import type { PullOptions, PullResult } from '../../../src/models/files/pull-model.ts';
import { bytesOf, type StubHub, startStubHub } from './stub-hub.ts';

export const REPO = 'org/repo';
export const COMMIT = 'a'.repeat(40);
export const NEXT_COMMIT = 'b'.repeat(40);
export const WEIGHTS = 'onnx/model.onnx';

/** Enough that it comes in several pieces. */
export const FILES = {
  [WEIGHTS]: bytesOf('weights', 400_000),
  'config.json': Buffer.from('{"model_type":"bert"}'),
  'tokenizer.json': bytesOf('tokenizer', 30_000),
};

export const SPEC: ModelSpec = {
  name: 'test/model',
  runtime: 'ort',
  type: 'textual',
  functions: ['embed'],
  source: { repo: REPO, revision: 'main', files: Object.keys(FILES) },
  licence: 'MIT',
  maxTokens: 512,
};

export interface PullSetup {
  readonly hub: StubHub;
  readonly root: string;
  readonly events: PullEvent[];
  /** Where a file of the model belongs. */
  path(file: string): string;
  pull(options?: Partial<PullOptions> & PullerOptions): Promise<PullResult>;
  /** Of all that is below the folder of models. */
  files(): string[];
  /** How many of the model's files are in place with the right contents. */
  intact(): number;
}

export interface PullerOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isOffline?: boolean;
  readonly spec?: ModelSpec;
  readonly root?: string;
  readonly silenceMs?: number;
}

/** Pauses between tries pass at once; the wait for a sign of life takes as long as the test says. */
function quickClock(silenceMs: number): Clock {
  return {
    nowMs: systemClock.nowMs,
    delay: (ms, signal) => systemClock.delay(ms === 30_000 ? silenceMs : ms === 5_000 ? ms : Math.min(ms, 5), signal),
  };
}

/** A hub with one model, and a folder to fetch it into; both go when the test is done. */
export async function setUpPull(): Promise<PullSetup> {
  const hub = await startStubHub();
  const root = mkdtempSync(join(tmpdir(), 'lamplighter-models-'));
  onTestFinished(async () => {
    await hub[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });
  hub.commit(REPO, COMMIT, FILES);
  const events: PullEvent[] = [];
  return {
    hub,
    root,
    events,
    path: (file) => join(root, SPEC.name, file),
    async pull({ env = {}, isOffline = false, spec = SPEC, root: folder = root, silenceMs = 30_000, ...options } = {}) {
      const puller = createModelPuller({
        env: { HF_ENDPOINT: hub.endpoint, ...env },
        modelDir: folder,
        isOffline,
        clock: quickClock(silenceMs),
      });
      return puller.pull(spec, {
        signal: new AbortController().signal,
        onEvent: (event) => events.push(event),
        isUpdate: false,
        ...options,
      });
    },
    files: () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .sort(),
    intact: () =>
      Object.entries(FILES).filter(([file, bytes]) => {
        const path = join(root, SPEC.name, file);
        return existsSync(path) && readFileSync(path).equals(bytes);
      }).length,
  };
}
