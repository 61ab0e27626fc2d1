import process from 'node:process';
import { type SpawnedProcess, type SpawnOptions, spawnProcess } from '../support/process.ts';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions extends SpawnOptions {
  /** @default 'src/cli/lamplighter.ts' */
  readonly entry?: string;
}

/** Starts a program that finds no database in the environment unless the test puts one there. */
export function startCli(
  args: readonly string[],
  { entry = 'src/cli/lamplighter.ts', ...options }: CliOptions = {},
): SpawnedProcess {
  const inherited = Object.keys(process.env).filter((name) =>
    /^(PG|DATABASE_URL|DIRECT_|LAMPLIGHTER_|STEADYTEXT_)/.test(name),
  );
  const cleared = Object.fromEntries(inherited.map((name) => [name, undefined]));
  return spawnProcess(entry, args, { ...options, env: { ...cleared, ...options.env } });
}

/** Runs a program to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  const { code } = await child.exited;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}
