import { createRequire } from 'node:module';
import type { Llama, LlamaModel } from 'node-llama-cpp';
import { systemClock } from '../../core/clock.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { LlamaSettings } from './llama-settings.ts';
import { createTurns, type Turns } from './take-turns.ts';

type EngineModule = typeof import('node-llama-cpp');

/** What to do when the package is missing; the range is that of the package's peer dependency. */
export const INSTALL_HINT = 'Run: npm install node-llama-cpp@^3.21.0';

/** llama.cpp, as this process has it. */
export interface LlamaEngine {
  readonly module: EngineModule;
  readonly llama: Llama;
  /** What works at the model goes through these. */
  readonly turns: Turns;
  /** The release of llama.cpp, of the package, and the GPU in use: all that changes answers beside model and threads. */
  readonly version: string;
  /**
   * @throws LamplighterError MODEL_FAILED with what llama.cpp itself said.
   */
  loadModel(path: string): Promise<LlamaModel>;
}

/** Lines of llama.cpp kept to explain a failure. */
const MAX_COMPLAINTS = 8;
const COMPLAINT = /error loading model: (.*)/;
const COMPLAINT_WAIT_MS = 500;
const COMPLAINT_POLL_MS = 10;

/** True when the package can be resolved; loads nothing. */
export function isEngineInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('node-llama-cpp');
    return true;
  } catch {
    return false;
  }
}

const turns = createTurns();
const engines = new Map<LlamaSettings['gpu'], Promise<LlamaEngine>>();

/**
 * The engine, started by the first call and kept until the process ends, which it does not hold up; a failed start is
 * forgotten.
 *
 * It is the process's and not the caller's, because the library behind it is: ending one instance takes the logger, and
 * more, from all others.
 *
 * @throws LamplighterError MODEL_FAILED when the package is missing, or has no build for this machine.
 */
export function openEngine({ gpu }: Pick<LlamaSettings, 'gpu'>): Promise<LlamaEngine> {
  const known = engines.get(gpu);
  if (known !== undefined) return known;
  const starting = startEngine(gpu);
  engines.set(gpu, starting);
  starting.catch(() => engines.delete(gpu));
  return starting;
}

async function startEngine(gpu: LlamaSettings['gpu']): Promise<LlamaEngine> {
  const module = await importEngine();
  /** What llama.cpp complained of last. */
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
    return {
      module,
      llama,
      turns,
      version: `llama.cpp ${llama.llamaCppRelease.release}, ${llama.gpu === false ? 'cpu' : llama.gpu}`,
      loadModel: (path) => turns.run(() => loadModel(llama, complaints, path)),
    };
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

async function loadModel(llama: Llama, complaints: string[], path: string): Promise<LlamaModel> {
  complaints.length = 0;
  try {
    return await llama.loadModel({ modelPath: path });
  } catch (cause) {
    const complaint = (await awaitComplaint(complaints)) ?? messageOf(cause);
    throw new LamplighterError('MODEL_FAILED', `llama.cpp cannot load ${path}: ${complaint}`, {
      cause,
      hint: 'The file may be incomplete, or need a newer version of node-llama-cpp.',
    });
  }
}

/** What llama.cpp logged: it comes from a thread of its own, often later than the failure that it explains. */
async function awaitComplaint(complaints: readonly string[]): Promise<string | undefined> {
  const deadlineMs = systemClock.nowMs() + COMPLAINT_WAIT_MS;
  while (true) {
    const complaint = COMPLAINT.exec(complaints.join('\n'))?.[1];
    if (complaint !== undefined || systemClock.nowMs() >= deadlineMs) return complaint;
    await systemClock.delay(COMPLAINT_POLL_MS);
  }
}
