import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { startCli } from '../cli/run-cli.ts';
import type { TestDatabase } from '../support/database.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { type RequestRow, rowsOf, untilStatus } from '../support/requests.ts';

/** Paths, given to the worker as a user gives them. */
export interface WorkerModels {
  readonly embed?: string;
  readonly generate?: string;
  readonly rerank?: string;
}

export interface ModelWorkerOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The folder of downloaded models and of hashes: empty, and not that of whoever runs the tests. */
let modelDir: Promise<string> | undefined;
afterAll(async () => {
  if (modelDir !== undefined) await rm(await modelDir, { recursive: true, force: true });
});

/** One thread of llama.cpp: more would spin against the other tests. */
const ENV = { LAMPLIGHTER_LLAMA_THREADS: '1', LAMPLIGHTER_LLAMA_GPU: 'off' };

/** Loading the largest of the real models on a busy machine. */
const START_TIMEOUT_MS = 60_000;

/** The program itself, in a process of its own; resolves once it says that it serves. */
export async function startModelWorker(
  uri: string,
  { embed, generate, rerank }: WorkerModels,
  { args = [], env = {} }: ModelWorkerOptions = {},
): Promise<SpawnedProcess> {
  modelDir ??= mkdtemp(join(tmpdir(), 'lamplighter-models-'));
  const functions = [
    ...(embed === undefined ? [] : ['embed']),
    ...(rerank === undefined ? [] : ['rerank']),
    ...(generate === undefined ? [] : ['generate,generate_json,generate_regex,generate_choice']),
  ];
  // One by flag, the others from the environment: both are ways to name a path.
  const flags = ['--functions', functions.join(','), ...(embed === undefined ? [] : ['--embed-model', embed])];
  const child = startCli(['worker', '--uri', uri, ...flags, ...args], {
    env: {
      ...ENV,
      ...env,
      LAMPLIGHTER_MODEL_DIR: await modelDir,
      LAMPLIGHTER_GENERATE_MODEL: generate,
      LAMPLIGHTER_RERANK_MODEL: rerank,
    },
  });
  const wanted = [embed && 'embed', generate && 'generate_choice', rerank && 'rerank'].filter(Boolean);
  try {
    for (const name of wanted) {
      await child.waitForLine(new RegExp(`"serving .*\\b${name}\\b.* with `), { timeoutMs: START_TIMEOUT_MS });
    }
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
  return child;
}

/** What callers do: queue by one statement, then read the rows of the queue. */
export interface QueueClient {
  /** The ids that `sql` gives, of one request or of a batch, in order. */
  enqueue(sql: string, params?: readonly unknown[]): Promise<string[]>;
  /** The completed rows of the requests, in the order asked. */
  rows(ids: readonly string[], timeoutMs?: number): Promise<RequestRow[]>;
  /** Their results. */
  results(ids: readonly string[], timeoutMs?: number): Promise<string[]>;
  /** Queues with `sql`, waits for the end of it, and gives the one result. */
  answer(sql: string, params?: readonly unknown[]): Promise<string>;
}

export function queueClient({ pool }: Pick<TestDatabase, 'pool'>): QueueClient {
  const rows = async (ids: readonly string[], timeoutMs = 60_000) => {
    try {
      return await untilStatus(pool, ids, 'completed', { timeoutMs });
    } catch (cause) {
      const errors = (await rowsOf(pool, ids)).flatMap(({ error }) => error ?? []);
      throw new Error(`not all are completed: ${[...new Set(errors)].join('; ')}`, { cause });
    }
  };
  const results = async (ids: readonly string[], timeoutMs?: number) =>
    (await rows(ids, timeoutMs)).map(({ result }) => result ?? '');
  const enqueue = async (sql: string, params: readonly unknown[] = []) => {
    const { rows: given } = await pool.query<{ id: string | string[] }>(`select ${sql} as id`, [...params]);
    return given.flatMap(({ id }) => id);
  };
  return {
    enqueue,
    rows,
    results,
    async answer(sql, params) {
      const [result = ''] = await results(await enqueue(sql, params));
      return result;
    },
  };
}

/** The scores of a ranking by document. */
export function scoresOf(result: string): Map<string, number> {
  return new Map(JSON.parse(result) as [string, number][]);
}

export function vectorOf(result: string): number[] {
  return JSON.parse(result) as number[];
}
