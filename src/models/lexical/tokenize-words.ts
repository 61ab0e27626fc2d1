import type { TokenSpans } from '../port.ts';
import { createPacer } from './pacer.ts';
import { readPieces } from './read-pieces.ts';
import { findWords } from './segment-words.ts';

/** The ends of the words that {@link findWords} finds; each is a token. */
export async function tokenizeWords(texts: readonly string[], signal: AbortSignal): Promise<readonly TokenSpans[]> {
  const pacer = createPacer(signal);
  const found: TokenSpans[] = [];
  for (const text of texts) {
    const ends: number[] = [];
    let start = 0;
    for (const piece of readPieces(text)) {
      for (const end of findWords(piece)) ends.push(start + end);
      start += piece.length;
      if (pacer.isDue()) await pacer.pause();
    }
    found.push(Uint32Array.from(ends));
  }
  return found;
}
