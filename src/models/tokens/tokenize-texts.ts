import type { CallProgress } from '../call-progress.ts';
import { failed, type ItemOutcome, succeeded } from '../outcome.ts';
import type { TokenSpans } from '../port.ts';
import { isSpace } from './is-space.ts';

/** Most UTF-16 units of a piece of text: an engine divides so much in some 50 ms, which is how long vectors wait for it. */
const MOST_UNITS = 16_384;

/** What an engine does for pieces of texts, in order. */
export type TokenizePieces = (
  pieces: readonly string[],
  signal: AbortSignal,
  progress: CallProgress<TokenSpans>,
) => Promise<readonly ItemOutcome<TokenSpans>[]>;

interface Piece {
  readonly text: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Where the tokens of texts end, asked of an engine in calls that are short, so that those of others come in between. Pieces begin with
 * white space where there is some. A text with a piece that the engine cannot divide has failed, and the others have not.
 *
 * @throws the signal's reason, and when a call came to nothing.
 */
export async function tokenizeTexts(
  texts: readonly string[],
  tokenize: TokenizePieces,
  signal: AbortSignal,
  progress?: CallProgress<TokenSpans>,
): Promise<readonly ItemOutcome<TokenSpans>[]> {
  const found = texts.map((): TokenSpans[] => []);
  const failures = new Map<number, ItemOutcome<never>>();
  let call: Piece[] = [];
  let units = 0;
  const ask = async () => {
    const asked = call;
    call = [];
    units = 0;
    const pieces = asked.map(({ text, start, end }) => (texts[text] ?? '').slice(start, end));
    const outcomes = await tokenize(pieces, signal, {
      limitMs: progress?.limitMs,
      working: (positions) => progress?.working([...new Set(positions.flatMap((at) => asked[at]?.text ?? []))]),
      ended: () => undefined,
    });
    signal.throwIfAborted();
    for (const [at, { text, start }] of asked.entries()) {
      const outcome = outcomes[at] ?? failed('The engine gave no tokens');
      if (outcome.ok) found[text]?.push(outcome.value.map((end) => start + end));
      else failures.set(text, outcome);
    }
  };
  for (const piece of piecesOf(texts)) {
    if (call.length > 0 && units + piece.end - piece.start > MOST_UNITS) await ask();
    if (failures.has(piece.text)) continue;
    call.push(piece);
    units += piece.end - piece.start;
  }
  if (call.length > 0) await ask();
  return found.map((parts, text) => failures.get(text) ?? succeeded(joined(parts)));
}

function* piecesOf(texts: readonly string[]): Generator<Piece> {
  for (const [text, whole] of texts.entries()) {
    for (let start = 0; start < whole.length; ) {
      const end = pieceEnd(whole, start);
      yield { text, start, end };
      start = end;
    }
  }
}

function pieceEnd(text: string, start: number): number {
  const limit = start + MOST_UNITS;
  if (limit >= text.length) return text.length;
  for (let at = limit; at > start + MOST_UNITS / 2; at -= 1) {
    if (isSpace(text, at) && !isSpace(text, at - 1)) return at;
  }
  return (text.charCodeAt(limit) & 0xfc00) === 0xdc00 ? limit - 1 : limit;
}

function joined(parts: readonly TokenSpans[]): TokenSpans {
  const whole = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
