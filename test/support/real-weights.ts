import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The folder of real weights, whether it is there or not; none are part of this repository. */
export const WEIGHTS =
  process.env['LAMPLIGHTER_TEST_MODELS'] ?? fileURLToPath(new URL('../../../shared/models', import.meta.url));

export const hasWeights = existsSync(`${WEIGHTS}/reference`);

/** A title that says why a test is skipped, where there are no weights. */
export function titled(title: string): string {
  return hasWeights ? title : `${title} (SKIPPED: no real weights in ${WEIGHTS})`;
}

/** What the authors' own code answers for a model. `T` is what the test needs of it. */
export function readReference<T>(model: string): T {
  return JSON.parse(readFileSync(`${WEIGHTS}/reference/${model}.json`, 'utf8'));
}
