import { z } from 'zod';

const failureSchema = z.object({
  /** From the root of the package; absent where the error belongs to no file. */
  file: z.string().optional(),
  /** Titles from the outermost group inwards, joined by ` > `; absent where a file or its hooks failed, not a test. */
  title: z.string().optional(),
  /** The first line of the error. */
  error: z.string(),
});

/** What a run of vitest came to, as `outcome-reporter.ts` writes it. */
export const outcomeSchema = z.object({
  tests: z.array(
    z.object({
      file: z.string(),
      title: z.string(),
      status: z.enum(['passed', 'failed', 'skipped']),
      seconds: z.number(),
    }),
  ),
  /** Tests, hooks and files that failed, and errors that nobody caught. */
  failures: z.array(failureSchema),
  files: z.array(z.object({ file: z.string(), project: z.string(), seconds: z.number() })),
});

export type TestFailure = z.infer<typeof failureSchema>;
export type TestOutcome = z.infer<typeof outcomeSchema>;

/** Where a failure happened: `<file> > <title>`, as much of it as is known. */
export function placeOf({ file, title }: TestFailure): string {
  return [file ?? 'outside of any test', title].filter((part) => part !== undefined).join(' > ');
}

/** How many tests ended like that. */
export function countOf({ tests }: TestOutcome, status: TestOutcome['tests'][number]['status']): number {
  return tests.filter((test) => test.status === status).length;
}
