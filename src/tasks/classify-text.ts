import type { ParsedStatement, TextParser } from './text-parser.ts';

/**
 * How a text is to run. `wrapped`: in a transaction of ours, which holds its outcome as well; `commitsItself`: the text's own COMMIT, its
 * last statement, commits both. `bare`: outside of one, at most once. `refused`: not at all.
 */
export type TextPlan =
  | { readonly kind: 'wrapped'; readonly commitsItself: boolean }
  | { readonly kind: 'bare' }
  | { readonly kind: 'refused'; readonly message: string };

export const COPY_REFUSAL = 'COPY not supported';

/** Keywords are ASCII in every spelling, so that a text without these words can neither begin nor end a transaction. */
const CONTROL_WORDS = /\b(begin|start|commit|end|rollback|abort|prepare)\b/i;
const COPY_WORD = /\bcopy\b/i;
const CLIENT_WORDS = /\b(stdin|stdout)\b/i;

export interface ClassifyOptions {
  readonly parser: TextParser;
  /** The setting of the session. When off, the server ends strings elsewhere than the parser, and only the words count. */
  readonly standardConformingStrings: boolean;
}

/** Never rejects. Most texts have none of the words, and then cost no parser. */
export async function classifyText(text: string, options: ClassifyOptions): Promise<TextPlan> {
  const mayControl = CONTROL_WORDS.test(text);
  const mayCopy = COPY_WORD.test(text) && CLIENT_WORDS.test(text);
  if (!mayControl && !mayCopy) return { kind: 'wrapped', commitsItself: false };
  const statements = await parseAsServer(text, options);
  // The server refuses a text that it cannot parse either before it runs any of it.
  if (statements === undefined) return mayControl ? { kind: 'bare' } : { kind: 'wrapped', commitsItself: false };
  if (statements.some(({ kind }) => kind === 'copy-client')) return { kind: 'refused', message: COPY_REFUSAL };
  const controls = statements.map(({ kind }) => kind).filter(isControl);
  if (controls.length === 0) return { kind: 'wrapped', commitsItself: false };
  // What comes before BEGIN in the same text is in its transaction, too.
  const isOneTransaction =
    ['commit', 'begin commit'].includes(controls.join(' ')) && statements.at(-1)?.kind === 'commit';
  return isOneTransaction ? { kind: 'wrapped', commitsItself: true } : { kind: 'bare' };
}

/** A text that failed for being in a transaction block, cut for another try outside of one: `settings` first, one by one. */
export interface BareText {
  readonly settings: readonly TextPart[];
  readonly rest: TextPart;
}

/** A piece of a text that is sent alone. */
export interface TextPart {
  readonly text: string;
  /** How many characters of the whole text come before it. */
  readonly charactersBefore: number;
}

/** The text in one piece. */
export function wholeText(text: string): BareText {
  return { settings: [], rest: { text, charactersBefore: 0 } };
}

/**
 * Cuts a text for a run outside of a transaction block. Undefined where that would fail as well: what cannot be in a block works alone or
 * after settings of the session only, and SET TRANSACTION only first of all.
 */
export async function cutBareText(text: string, options: ClassifyOptions): Promise<BareText | undefined> {
  const statements = await parseAsServer(text, options);
  if (statements === undefined) return wholeText(text);
  const settings = countLeading(statements, ['set']);
  const last = statements[settings];
  if (last !== undefined && settings === statements.length - 1) {
    const bytes = Buffer.from(text);
    return { settings: statements.slice(0, settings).map((one) => partOf(bytes, one)), rest: partOf(bytes, last) };
  }
  const opening = statements.slice(0, countLeading(statements, ['set', 'begin', 'set-transaction']));
  return opening.some(({ kind }) => kind === 'set-transaction') ? wholeText(text) : undefined;
}

async function parseAsServer(text: string, { parser, standardConformingStrings }: ClassifyOptions) {
  return standardConformingStrings ? await parser.parse(text) : undefined;
}

function isControl(kind: ParsedStatement['kind']): boolean {
  return kind === 'begin' || kind === 'commit' || kind === 'control';
}

function countLeading(statements: readonly ParsedStatement[], kinds: readonly ParsedStatement['kind'][]): number {
  const count = statements.findIndex(({ kind }) => !kinds.includes(kind));
  return count === -1 ? statements.length : count;
}

/** Places are in bytes of UTF-8, and those in errors in characters. */
function partOf(bytes: Buffer, { offset, length }: ParsedStatement): TextPart {
  const end = length === 0 ? bytes.length : offset + length;
  return {
    text: bytes.toString('utf8', offset, end),
    charactersBefore: [...bytes.toString('utf8', 0, offset)].length,
  };
}
