import type { Tokenizer } from '@huggingface/tokenizers';
import type { WordTokenizer } from '../tokens/token-ends.ts';

/** A text or a pair as the graph takes it: special tokens included, never longer than the model's limit, no padding. */
export interface EncodedText {
  readonly ids: readonly number[];
  /** 0 for the first text of a pair, 1 for the second; as long as `ids`. */
  readonly typeIds: readonly number[];
  /** True when the text was longer than the limit. */
  readonly isTruncated: boolean;
}

/** Turns texts into tokens the way the model was trained. */
export interface TextEncoder {
  /** @throws Error for a text that gives no token at all, or that the tokenizer cannot take. */
  encode(text: string): EncodedText;
  /** A pair that is too long loses tokens of its longer text first; one whose second text is empty is no pair, as for transformers. */
  encodePair(first: string, second: string): EncodedText;
}

/** Characters that are tokenised at first, per token of the limit: English has 4 to 5. */
const CHARACTERS_PER_TOKEN = 12;
/** Tokens that a beginning must give beyond the limit, so that where it was cut cannot show. */
const MARGIN = 8;
/** The same where no white space shows where a word is over: words of more than a hundred characters are unknown, and one token. */
const WORD_MARGIN = 128;
/** A text that begins with so many characters and no white space is read so far at most: libraries choke on longer words. */
const LONGEST_WORD = 10_000;

/**
 * An encoder over a tokenizer's own normaliser, model and template. Truncation and padding that `tokenizer.json` asks for are ignored:
 * they are left-overs of its maker's last call. Tokens are cut before the template is filled, so that the closing special token stays.
 */
export function createTextEncoder(tokenizer: Tokenizer, maxTokens: number): TextEncoder {
  const template = (first: string[], second?: string[]) => {
    const filled = tokenizer.post_processor?.post_process(first, second ?? null, true) ?? {
      tokens: first,
      ...(second === undefined ? {} : { tokens_pair: second }),
    };
    const tokens = [...filled.tokens, ...(filled.tokens_pair ?? [])];
    return { tokens, typeIds: filled.token_type_ids ?? new Array<number>(tokens.length).fill(0) };
  };
  const room = maxTokens - template([]).tokens.length;
  const pairRoom = maxTokens - template([], []).tokens.length;

  const idOf = (token: string): number => {
    const id = tokenizer.token_to_id(token) ?? tokenizer.model?.unk_token_id;
    if (id === undefined) throw new Error(`The tokenizer has no number for ${JSON.stringify(token)}`);
    return id;
  };
  const finish = (
    { tokens, typeIds }: { readonly tokens: readonly string[]; readonly typeIds: readonly number[] },
    isTruncated: boolean,
  ) => {
    if (tokens.length === 0) throw new Error('The text has no tokens');
    return { ids: tokens.map(idOf), typeIds, isTruncated };
  };

  /**
   * The first tokens of a text, at least `limit`, but for those of a word that no language has. Texts can be a thousand times the limit, so no more is
   * read than that takes.
   */
  const firstTokens = (text: string, limit: number): { readonly tokens: string[]; readonly isWhole: boolean } => {
    for (let length = limit * CHARACTERS_PER_TOKEN; length < text.length; length *= 4) {
      const end = lastSpace(text, length);
      const tokens = tokenizer.tokenize(text.slice(0, end > 0 ? end : length));
      const isEnough = tokens.length >= limit + (end > 0 ? MARGIN : WORD_MARGIN);
      if (isEnough || (end === 0 && length >= LONGEST_WORD)) return { tokens, isWhole: false };
    }
    return { tokens: tokenizer.tokenize(text), isWhole: true };
  };

  const encode = (text: string) => {
    const { tokens, isWhole } = firstTokens(text, room);
    return finish(template(tokens.slice(0, room)), !isWhole || tokens.length > room);
  };

  return {
    encode,
    encodePair(first, second) {
      if (second === '') return encode(first);
      const { tokens: firsts } = firstTokens(first, pairRoom);
      const { tokens: seconds } = firstTokens(second, pairRoom);
      const [keptFirst, keptSecond] = truncatePair(firsts.length, seconds.length, pairRoom);
      const isTruncated = keptFirst < firsts.length || keptSecond < seconds.length;
      return finish(template(firsts.slice(0, keptFirst), seconds.slice(0, keptSecond)), isTruncated);
    },
  };
}

/** Where the last word that begins before `end` is surely over; 0 when there is no white space. */
function lastSpace(text: string, end: number): number {
  for (let at = end; at > 0; at -= 1) if (/\s/.test(text[at] ?? '')) return at;
  return 0;
}

/**
 * How many tokens of a first and a second text are kept so that both have at most `room`, taking from the longer one first.
 *
 * The rule "longest first" of the tokenizers library (`truncate_encodings` in its utils/truncation.rs), by which
 * cross-encoders were trained.
 */
export function truncatePair(first: number, second: number, room: number): readonly [first: number, second: number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  const longer = Math.max(shorter, room - shorter);
  const half = Math.floor(room / 2);
  const [low, high] = shorter + longer > room ? [half, room - half] : [shorter, longer];
  return first > second ? [high, low] : [low, high];
}

/** How tokenizers say that a token goes on with a word, or begins or ends one; the marks of byte-level ones for white space. */
const MARKS = /^##|[▁ĠĊĉč]|<\/w>$/gu;
const BYTE = /^<0x[0-9A-F]{2}>$/;

/** Words by a tokenizer of the hub's library: what a token stands for is its characters, which are bytes for some tokenizers. */
export function createWordTokenizer(tokenizer: Pick<Tokenizer, 'tokenize' | 'model'>): WordTokenizer {
  const unknown = tokenizer.model?.unk_token;
  // Each character that is a word of its own, as those of Chinese, may be unknown.
  const sizeOf = (token: string) => (token === unknown || BYTE.test(token) ? 1 : token.replaceAll(MARKS, '').length);
  return (word) => tokenizer.tokenize(word).map(sizeOf);
}
