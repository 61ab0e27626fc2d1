import { createLogger } from '../../src/core/log.ts';
import { type CreateDaemonOptions, createDaemon } from '../../src/daemon/create-daemon.ts';
import type { Daemon } from '../../src/daemon/daemon.ts';
import type { ModelProvider } from '../../src/models/provider.ts';
import type { TestDatabase } from './database.ts';
import { type LogLine, parseLogLine } from './log-line.ts';
import { type SpawnedProcess, spawnProcess } from './process.ts';
import { createTestProvider, type TestProvider, type TestProviderOptions } from './test-runtime.ts';

export interface TestDaemonOptions extends Omit<CreateDaemonOptions, 'providers' | 'log'> {
  readonly uri: string;
  readonly provider?: TestProviderOptions;
  /** Asked before the test runtime. */
  readonly providers?: readonly ModelProvider[];
}

export interface TestDaemon extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly calls: TestProvider['calls'];
  /** What it logged as a warning or worse. */
  warnings(): readonly LogLine[];
  lines(): readonly LogLine[];
}

const TEST_DEFAULTS = { pollIntervalMs: 50 } as const;

/** A daemon in this process that asks the test runtime; stops with the block. */
export async function startTestDaemon({
  provider,
  providers = [],
  ...options
}: TestDaemonOptions): Promise<TestDaemon> {
  const runtime = createTestProvider(provider);
  const lines: LogLine[] = [];
  const log = createLogger({ destination: { write: (line) => void lines.push(parseLogLine(line)) } });
  const daemon = await createDaemon({ ...TEST_DEFAULTS, ...options, providers: [...providers, runtime], log });
  return {
    daemon,
    calls: runtime.calls,
    warnings: () => lines.filter(({ level }) => level >= 40),
    lines: () => lines,
    async [Symbol.asyncDispose]() {
      await daemon.stop({ isImmediate: true });
    },
  };
}

/** The same in a process of its own, which the test may kill. */
export async function spawnDaemon(options: Omit<TestDaemonOptions, 'providers'>): Promise<SpawnedProcess> {
  const child = spawnProcess('test/support/daemon-process.ts', [JSON.stringify({ ...TEST_DEFAULTS, ...options })]);
  await child.waitForLine(/^ready$/, { timeoutMs: 30_000 });
  return child;
}

/** The statement of the documented page, with the repair that makes it valid: "table" is quoted, and no comma after the last column. */
export const DOCUMENTED_TABLE = `
  CREATE TABLE "public"."jobs" (
    "id" SERIAL PRIMARY KEY,
    "db_connection" text,
    "init_started_at" timestamp,
    "init_failed_at" timestamp,
    "init_finished_at" timestamp,
    "init_failure_reason" text,
    "canceled_at" timestamp,
    "schema" text,
    "table" text,
    "src_column" text,
    "dst_column" text,
    "embedding_model" text
  )`;

/** A row of the jobs table. */
export async function addJob({ pool }: TestDatabase, columns: Readonly<Record<string, unknown>>): Promise<string> {
  const row = { src_column: 'body', dst_column: 'embedding', embedding_model: 'test/model', ...columns };
  const names = Object.keys(row).map((name) => `"${name}"`);
  const { rows } = await pool.query<{ id: string }>(
    `insert into jobs (${names.join(', ')}) values (${names.map((_, at) => `$${at + 1}`).join(', ')}) returning id::text`,
    Object.values(row),
  );
  return rows[0]?.id ?? '';
}
