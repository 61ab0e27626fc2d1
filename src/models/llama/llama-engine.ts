import { createRequire } from 'node:module';
import type { Llama, LlamaModel } from 'node-llama-cpp';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { LlamaSettings } from './llama-settings.ts';
import { createTurns, type Turns } from './take-turns.ts';

type EngineModule = typeof import('node-llama-cpp');

/** What to do when the package is missing; the range is that of the package's peer dependency. */
export const INSTALL_HINT = 'Run: npm install node-llama-cpp@^3.22.0';

/** llama.cpp, started with the first model and ended with the last. */
export interface LlamaEngine {
  readonly module: EngineModule;
  readonly llama: Llama;
  /** Shared by all models of this process. */
  readonly turns: Turns;
  /** The release of llama.cpp, of the package, and the GPU in use: all that changes answers beside model and threads. */
  readonly version: string;
  /**
   * @throws LamplighterError MODEL_FAILED with what llama.cpp itself said.
   */
  loadModel(path: string, signal: AbortSignal): Promise<LlamaModel>;
  /** Gives the engine back; idempotent. The last one to do so ends it. */
  release(): Promise<void>;
}

export interface LlamaEngineHolder {
  /**
   * @throws LamplighterError MODEL_FAILED when the package is missing, or has no build for this machine.
   */
  acquire(): Promise<LlamaEngine>;
}

/** Lines of llama.cpp kept to explain a failure. */
const MAX_COMPLAINTS = 8;

/** True when the package can be resolved; loads nothing. */
export function isEngineInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('node-llama-cpp');
    return true;
  } catch {
    return false;
  }
}

/** One engine for all models of a provider. */
export function createEngineHolder(settings: LlamaSettings): LlamaEngineHolder {
  const turns = createTurns();
  let running: Promise<RunningEngine> | undefined;
  let users = 0;

  async function release(engine: RunningEngine): Promise<void> {
    users -= 1;
    if (users > 0) return;
    running = undefined;
    await turns.run(() => engine.llama.dispose());
  }

  return {
    async acquire() {
      users += 1;
      running ??= startEngine(settings);
      const engine = await running.catch((error: unknown) => {
        users -= 1;
        running = undefined;
        throw error;
      });
      let released: Promise<void> | undefined;
      return {
        module: engine.module,
        llama: engine.llama,
        turns,
        version: engine.version,
        loadModel: (path, signal) => turns.run(() => loadModel(engine, path, signal)),
        release() {
          released ??= release(engine);
          return released;
        },
      };
    },
  };
}

interface RunningEngine {
  readonly module: EngineModule;
  readonly llama: Llama;
  readonly version: string;
  /** What llama.cpp complained of last. */
  readonly complaints: string[];
}

async function startEngine({ gpu }: LlamaSettings): Promise<RunningEngine> {
  const module = await importEngine();
  const complaints: string[] = [];
  try {
    const llama = await module.getLlama({
      gpu,
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      // Threads are set per context; a limit here would share them out anew whenever two contexts are at work.
      maxThreads: 0,
      logLevel: module.LlamaLogLevel.error,
      logger(_, message) {
        complaints.push(message.trim());
        if (complaints.length > MAX_COMPLAINTS) complaints.shift();
      },
    });
    const version = `llama.cpp ${llama.llamaCppRelease.release}, ${llama.gpu === false ? 'cpu' : llama.gpu}`;
    return { module, llama, version, complaints };
  } catch (cause) {
    throw new LamplighterError('MODEL_FAILED', `llama.cpp does not start on this machine: ${messageOf(cause)}`, {
      cause,
      hint: 'Where node-llama-cpp has no build for a platform, `npx node-llama-cpp source download` makes one.',
    });
  }
}

async function importEngine(): Promise<EngineModule> {
  if (!isEngineInstalled()) {
    throw new LamplighterError('MODEL_FAILED', 'The package node-llama-cpp is not installed', { hint: INSTALL_HINT });
  }
  return import('node-llama-cpp');
}

async function loadModel({ llama, complaints }: RunningEngine, path: string, signal: AbortSignal): Promise<LlamaModel> {
  signal.throwIfAborted();
  complaints.length = 0;
  try {
    return await llama.loadModel({ modelPath: path, loadSignal: signal });
  } catch (cause) {
    signal.throwIfAborted();
    const complaint = complaints.find((line) => !line.startsWith('llama_model_load_from_file')) ?? messageOf(cause);
    throw new LamplighterError('MODEL_FAILED', `llama.cpp cannot load ${path}: ${complaint}`, {
      cause,
      hint: 'The file may be cut off, or of an architecture that is newer than the installed node-llama-cpp.',
    });
  }
}
