import { spawn } from 'node:child_process';
import process from 'node:process';

export interface CommandResult {
  readonly isOk: boolean;
  readonly seconds: number;
}

/** Runs a command of this package (`node_modules/.bin` is on the path) with its output shown, and waits for it. */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const startedMs = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  const isOk = await new Promise<boolean>((resolve) => {
    child.once('error', (error) => {
      console.error(error.message);
      resolve(false);
    });
    child.once('close', (code) => resolve(code === 0));
  });
  return { isOk, seconds: (performance.now() - startedMs) / 1000 };
}

/** Prints one line per result and sets the exit status. */
export function report(results: ReadonlyMap<string, CommandResult>): void {
  console.log();
  for (const [name, { isOk, seconds }] of results)
    console.log(`${isOk ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`);
  if ([...results.values()].some((result) => !result.isOk)) process.exitCode = 1;
}
