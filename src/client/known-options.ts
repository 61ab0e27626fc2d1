import { LamplighterError } from '../core/errors.ts';
import { showValue } from '../core/show-value.ts';
import { didYouMean } from '../core/suggest.ts';

/**
 * Refuses values that are no objects, and unknown options: a misspelt one would otherwise be ignored silently.
 *
 * @throws LamplighterError CONFIG_INVALID
 */
export function requireKnownOptions(options: unknown, known: readonly string[]): void {
  const expected = `expected only ${known.join(', ')}`;
  if (typeof options !== 'object' || options === null)
    throw invalid(`${expected} in an object, got ${showValue(options)}`);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalid(`${expected}, got an option ${showValue(unknown)}${didYouMean(unknown, known)}`);
}

function invalid(message: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', message);
}
