import { invalidJob } from './invalid-job.ts';

/**
 * The names in the text of a `pk` column: separated by commas, in double quotes where an identifier would be, else as they stand (not
 * folded to lower case: existing job rows name columns exactly).
 *
 * @throws LamplighterError JOB_INVALID for an empty name or a quote that is not closed.
 */
export function parseKeyColumns(text: string): string[] {
  const names: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^",]*?))\s*(,|$)/y;
  for (;;) {
    const match = pattern.exec(text);
    const name = match?.[1]?.replaceAll('""', '"') ?? match?.[2] ?? '';
    if (match === null || name === '') {
      throw invalidJob(
        `The key "${text}" is no list of column names`,
        'Separate columns by commas, e.g. id or tenant, "Id".',
      );
    }
    names.push(name);
    if (match[3] === '') return names;
  }
}
