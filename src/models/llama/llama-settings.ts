import { cpuLimit, type Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { GgufFacts } from './gguf/gguf-facts.ts';

/** How models of this runtime are run; the same for all of them. */
export interface LlamaSettings {
  /** `auto` takes a GPU when there is one and the installed build knows it; false never does. */
  readonly gpu: 'auto' | false;
  /** Threads of one step of work; part of the fingerprint, as other numbers of threads give other last digits. */
  readonly threads: number;
  /** Most tokens of a prompt and its answer together; a model that was trained for fewer takes fewer. */
  readonly contextTokens: number;
}

/** A prompt of some pages and its answer; 0.5 GB of memory for a model of 0.6B parameters. */
const DEFAULT_CONTEXT_TOKENS = 4_096;

/** Memory, not arithmetic, bounds what more threads could do. */
const MAX_DEFAULT_THREADS = 8;

/**
 * Half of the CPUs: the threads spin, so that on busy CPUs each one too many costs orders. Two threads on two CPUs that
 * others used as well gave 13 to 114 tokens per second where one gave 356 to 874 (stories260K), and 0.8 to 2.5 vectors
 * where one gave 5 to 8 (MiniLM, f16).
 */
function defaultThreads(): number {
  return Math.min(MAX_DEFAULT_THREADS, Math.max(1, Math.floor(cpuLimit() / 2)));
}

/**
 * Settings from `LAMPLIGHTER_LLAMA_GPU` (`auto` or `off`), `LAMPLIGHTER_LLAMA_THREADS` (1 to 256) and
 * `LAMPLIGHTER_LLAMA_CONTEXT` (256 to 1048576 tokens).
 *
 * @throws LamplighterError CONFIG_INVALID for any other value.
 */
export function readLlamaSettings(env: Env): LlamaSettings {
  return Object.freeze({
    gpu: readGpu(env['LAMPLIGHTER_LLAMA_GPU'] ?? 'auto'),
    threads: readWhole(env, 'LAMPLIGHTER_LLAMA_THREADS', 1, 256) ?? defaultThreads(),
    contextTokens: readWhole(env, 'LAMPLIGHTER_LLAMA_CONTEXT', 256, 1_048_576) ?? DEFAULT_CONTEXT_TOKENS,
  });
}

function readGpu(text: string): 'auto' | false {
  if (text === 'auto') return text;
  if (text === 'off') return false;
  throw new LamplighterError('CONFIG_INVALID', `LAMPLIGHTER_LLAMA_GPU: expected auto or off, got "${text}"`);
}

function readWhole(env: Env, name: string, min: number, max: number): number | undefined {
  const text = env[name];
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new LamplighterError('CONFIG_INVALID', `${name}: expected a whole number from ${min} to ${max}, got "${text}"`);
}

/** Everything the engine needs to open a model; plain data. */
export interface LlamaModelSetup {
  readonly weightsPath: string;
  /** What its card says is the most; undefined where none does. */
  readonly maxTokens: number | undefined;
  readonly facts: GgufFacts;
  /** Put before texts that are embedded. */
  readonly prefix: string;
  readonly settings: LlamaSettings;
}

/** What is known of a model once it is open. */
export interface LlamaModelFacts {
  /** See `LlamaEngine`. */
  readonly version: string;
  /** Most tokens of a prompt and its answer. */
  readonly contextTokens: number;
  /** Length of its embeddings; undefined for others than embedders. */
  readonly dimensions: number | undefined;
}
