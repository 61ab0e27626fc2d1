import { LamplighterError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';

/**
 * Refuses options that do not exist: a misspelt one would otherwise be ignored in silence.
 *
 * @throws LamplighterError CONFIG_INVALID
 */
export function requireKnownOptions(options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const expected = `expected only ${known.join(', ')}`;
  throw new LamplighterError('CONFIG_INVALID', `${expected}, got an option "${unknown}"${didYouMean(unknown, known)}`);
}
