import { messageOf } from '../../core/errors.ts';
import type { EngineCall } from '../engine/serve-engine.ts';
import { failed, type ItemOutcome, invalid, succeeded } from '../outcome.ts';
import type { RerankItem } from '../port.ts';
import { type Portions, type RunBatch, runTexts } from './run-texts.ts';
import type { EncodedText } from './text-encoder.ts';

/** A text or a pair of a call, and the item that it belongs to. */
export interface CallText {
  readonly item: number;
  /** Which of the item's, where it has several. */
  readonly at?: number;
  readonly encode: () => EncodedText;
}

/** Takes the vector, or the logit, of a text. */
export type TextDone = (text: CallText, outcome: ItemOutcome<Float32Array>) => void;

/** Runs the texts of a call in batches, each as soon as those before it are done, and says which items are at work. */
export async function answerTexts(
  texts: readonly CallText[],
  runBatch: RunBatch,
  portions: Portions,
  call: EngineCall,
  done: TextDone,
): Promise<void> {
  const itemsOf = (some: readonly CallText[]) => [...new Set(some.map(({ item }) => item))];
  await call.working(itemsOf(texts));
  const readable: CallText[] = [];
  const encoded: EncodedText[] = [];
  for (const text of texts) {
    await call.breathe();
    const outcome = tokenise(text.encode);
    if (outcome.ok) encoded.push(outcome.value);
    if (outcome.ok) readable.push(text);
    else done(text, outcome);
  }
  await runTexts(encoded, runBatch, portions, {
    working: (positions) => call.working(itemsOf(positions.flatMap((position) => readable[position] ?? []))),
    breathe: () => call.breathe(),
    done(position, result) {
      const text = readable[position];
      const { ids = [], isTruncated = false } = encoded[position] ?? {};
      if (text === undefined) return;
      if (result instanceof Error) done(text, failed(`The model failed: ${messageOf(result)}`));
      else done(text, succeeded(result, { tokens: ids.length, isTruncated }));
    },
  });
}

/** Takes the logits of an item's documents, and ends the item with all its scores, or with its first failure, once the last has come. */
export function scoreKeeper(
  { documents }: RerankItem,
  end: (outcome: ItemOutcome<readonly number[]>) => void,
): (at: number, logit: ItemOutcome<Float32Array>) => void {
  const scores = new Array<number>(documents.length);
  let left = documents.length;
  let failure: ItemOutcome<never> | undefined;
  return (at, logit) => {
    if (logit.ok) scores[at] = 1 / (1 + Math.exp(-(logit.value[0] ?? Number.NaN)));
    else failure ??= logit;
    left -= 1;
    if (left === 0) end(failure ?? succeeded(scores));
  };
}

function tokenise(encode: () => EncodedText): ItemOutcome<EncodedText> {
  try {
    return succeeded(encode());
  } catch (error) {
    return invalid(`The text could not be split into tokens: ${messageOf(error)}`);
  }
}
