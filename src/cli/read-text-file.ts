import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { LamplighterError, messageOf } from '../core/errors.ts';

/**
 * The text of a file, or with `-` of standard input, without the byte order mark that some editors write at its beginning.
 *
 * @param name what errors call it.
 * @throws LamplighterError USAGE when it cannot be read, or is not in UTF-8: another text would be taken for it.
 */
export function readTextFile(file: string, name: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new LamplighterError('USAGE', `${name}: ${messageOf(error)}`, { cause: error });
  }
  if (!isUtf8(bytes)) throw new LamplighterError('USAGE', `${name}: expected a text in UTF-8, got bytes that are none`);
  return new TextDecoder().decode(bytes);
}
