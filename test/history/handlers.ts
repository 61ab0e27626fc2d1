import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ItemOutcome } from '../../src/models/outcome.ts';
import { succeeded } from '../../src/models/outcome.ts';
import type { Model } from '../../src/models/port.ts';
import type { ModelProvider } from '../../src/models/provider.ts';

/**
 * The journal of the handlers: every answer that a model gave, written by the process that computed it to a file, before the worker sees the
 * answer. What a process has written stays when it is killed.
 */

export interface Answer {
  /** The login with which the worker of that process works. */
  readonly actor: string;
  readonly text: string;
  /** As the result is read: a text, the numbers of a vector, or the scores in document order. */
  readonly value: string | readonly number[];
}

export interface HandlerJournal extends Disposable {
  /** Where processes write. */
  readonly file: string;
  read(): Answer[];
  /** Forgets all; no process may be answering. */
  clear(): void;
}

/** A journal in a folder of its own, removed with the block. */
export function createHandlerJournal(): HandlerJournal {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-history-'));
  const file = join(folder, 'answers.ndjson');
  appendFileSync(file, '');
  return {
    file,
    read() {
      const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Answer); // written below, a line at a time
    },
    clear() {
      truncateSync(file);
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * The provider's models, with every answer journalled. A plain generated text ends in ` ~ACTOR.N`, so that no two computations give the
 * same answer and a result tells who computed it.
 */
export function journalAnswers(provider: ModelProvider, actor: string, file: string): ModelProvider {
  let computed = 0;

  function write<T>(
    texts: readonly string[],
    outcomes: readonly ItemOutcome<T>[],
    read: (value: T) => Answer['value'],
  ) {
    let lines = '';
    for (const [n, outcome] of outcomes.entries()) {
      const answer = outcome.ok ? { actor, text: texts[n] ?? '', value: read(outcome.value) } : undefined;
      if (answer !== undefined) lines += `${JSON.stringify(answer)}\n`;
    }
    if (lines !== '') appendFileSync(file, lines);
  }

  function wrap(model: Model): Model {
    return {
      ...model,
      async embed(texts, signal) {
        const outcomes = await model.embed(texts, signal);
        write(texts, outcomes, (vector) => [...vector]);
        return outcomes;
      },
      async rerank(items, signal) {
        const outcomes = await model.rerank(items, signal);
        write(
          items.map(({ query }) => query),
          outcomes,
          (scores) => scores,
        );
        return outcomes;
      },
      async generate(items, signal) {
        const answered = await model.generate(items, signal);
        const outcomes = answered.map((outcome, n) => {
          if (!outcome.ok || items[n]?.output.kind !== 'plain') return outcome;
          computed += 1;
          return succeeded(`${outcome.value} ~${actor}.${computed}`);
        });
        write(
          items.map(({ prompt }) => prompt),
          outcomes,
          (text) => text,
        );
        return outcomes;
      },
    };
  }

  return { ...provider, load: async (selection, signal) => wrap(await provider.load(selection, signal)) };
}
