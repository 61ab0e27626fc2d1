import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type CommandResult, runCommand } from './run-command.ts';

const REPORT = fileURLToPath(new URL('../node_modules/.cache/lamplighter/vitest-report.json', import.meta.url));

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  testResults: z.array(
    z.object({
      /** The path of the file. */
      name: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({
          ancestorTitles: z.array(z.string()),
          title: z.string(),
          status: z.string(),
          duration: z.number().nullish(),
        }),
      ),
    }),
  ),
});
export type VitestReport = z.infer<typeof reportSchema>;

export interface VitestResult extends CommandResult {
  /** Undefined when vitest ended before it could write one. */
  readonly report: VitestReport | undefined;
}

/** Runs the integration tests with its output shown, and reads what became of each. */
export async function runVitest(args: readonly string[], env: Readonly<Record<string, string>>): Promise<VitestResult> {
  await rm(REPORT, { force: true });
  const output = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const result = await runCommand('vitest', ['run', '--project', 'integration', ...args, ...output], env);
  const text = await readFile(REPORT, 'utf8').catch(() => undefined);
  return { ...result, report: text === undefined ? undefined : reportSchema.parse(JSON.parse(text)) };
}
