import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { OUTCOME_PATH } from './outcome-reporter.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import { outcomeSchema, type TestOutcome } from './test-outcome.ts';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/lamplighter/', import.meta.url));

export interface VitestResult extends CommandResult {
  /** Undefined when vitest ended before it could write one. */
  readonly outcome: TestOutcome | undefined;
}

/**
 * Runs vitest with its output shown, and reads what became of each test.
 *
 * @param options.outcomePath Where the outcome stays. @default in node_modules/.cache, overwritten by the next run
 */
export async function runVitest(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { outcomePath = `${CACHE}test-outcome.json` }: { readonly outcomePath?: string } = {},
): Promise<VitestResult> {
  await rm(outcomePath, { force: true });
  const reporters = ['--reporter=default', '--reporter=./scripts/outcome-reporter.ts'];
  const result = await runCommand('vitest', ['run', ...args, ...reporters], { ...env, [OUTCOME_PATH]: outcomePath });
  const text = await readFile(outcomePath, 'utf8').catch(() => undefined);
  return { ...result, outcome: text === undefined ? undefined : outcomeSchema.parse(JSON.parse(text)) };
}
