import { createPacer, type Pacer } from '../../core/pacer.ts';
import { isBlank } from '../blank-text.ts';
import { defineModel } from '../define-model.ts';
import { type ItemOutcome, invalid, succeeded } from '../outcome.ts';
import type { Model } from '../port.ts';
import { embedText, LEXICAL_DIMENSIONS } from './embed-text.ts';
import { scoreDocuments } from './score-documents.ts';
import { tokenizeWords } from './segment-words.ts';

export const LEXICAL_MODEL_NAME = 'builtin/lexical';

/** Raise it with every change that changes a vector or a score: cached answers and stored vectors hang on it. */
const ALGORITHM_VERSION = 1;

/**
 * `builtin/lexical`: compares texts by the words and letter groups they share, not by what they mean.
 *
 * Needs no download and no memory to speak of, and gives the same bits on every machine: for trying things out, for
 * tests, and where nothing may be downloaded. Serves `embed` (384 dimensions) and `rerank`. "Car" and "automobile" are
 * unrelated to it.
 */
export function createLexicalModel(): Model {
  return defineModel({
    name: LEXICAL_MODEL_NAME,
    runtime: 'builtin',
    fingerprint: `${LEXICAL_MODEL_NAME} ${ALGORITHM_VERSION}`,
    embed: {
      dimensions: LEXICAL_DIMENSIONS,
      maxBatch: 512,
      run: (texts, signal) => answerEach(texts, signal, embedOne),
      tokenize: tokenizeWords,
    },
    rerank: {
      maxBatch: 64,
      run: (items, signal) =>
        answerEach(items, signal, async ({ query, documents }, pacer) =>
          succeeded(await scoreDocuments(query, documents, pacer)),
        ),
    },
  });
}

async function embedOne(text: string, pacer: Pacer): Promise<ItemOutcome<Float32Array>> {
  if (isBlank(text)) return invalid('Text input cannot be empty');
  const { vector, words } = await embedText(text, pacer);
  return succeeded(vector, { tokens: words, isTruncated: false });
}

/** Runs on the caller's thread: moving short texts to another one costs more than embedding them. */
async function answerEach<Item, Value>(
  items: readonly Item[],
  signal: AbortSignal,
  answer: (item: Item, pacer: Pacer) => Promise<ItemOutcome<Value>>,
): Promise<ItemOutcome<Value>[]> {
  const pacer = createPacer(signal);
  const outcomes: ItemOutcome<Value>[] = [];
  for (const item of items) {
    if (pacer.isDue()) await pacer.pause();
    outcomes.push(await answer(item, pacer));
  }
  return outcomes;
}
