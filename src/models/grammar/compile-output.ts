import { canonicalJson, isNestedWithin } from '../json-value.ts';
import type { GenerateOutput } from '../port.ts';
import { compileChoice } from './choice/compile-choice.ts';
import { type OutputGrammar, type OutputRefusal, Refused } from './output-grammar.ts';
import { compileRegex } from './regex/compile-regex.ts';
import { compileSchema } from './schema/compile-schema.ts';

/** Most compiled outputs that are kept; the largest grammars are about a megabyte each. */
const KEPT_OUTPUTS = 32;

const recent = createRecentResults<OutputGrammar | OutputRefusal>(KEPT_OUTPUTS);

/**
 * The grammar of an output, or why there can be none; undefined for a plain text, which has none. Takes well under a
 * second for anything at all; equal outputs asked for again give the same object.
 */
export function compileOutput(output: GenerateOutput): OutputGrammar | OutputRefusal | undefined {
  switch (output.kind) {
    case 'plain':
      return undefined;
    case 'json':
      // What is nested too deeply for a key is refused for that.
      if (!isNestedWithin(output.schema)) return compileSchema(output.schema);
      return compiled(`json ${canonicalJson(output.schema)}`, () => compileSchema(output.schema));
    case 'regex':
      return compiled(`regex ${output.pattern}`, () => compileRegex(output.pattern));
    case 'choice':
      return compiled(`choice ${JSON.stringify(output.choices)}`, () => compileChoice(output.choices));
  }
}

function compiled(key: string, compile: () => OutputGrammar | OutputRefusal): OutputGrammar | OutputRefusal {
  return recent.get(key, () => {
    try {
      return compile();
    } catch (error) {
      if (error instanceof Refused) return { refusal: error.message };
      throw error;
    }
  });
}

/** Keeps the results of the most recent keys. */
interface RecentResults<T> {
  /** The kept result of a key, or that of `make`, kept from now on; a `make` that throws keeps nothing. */
  get(key: string, make: () => T): T;
}

/** Keeps the results of at most `size` keys, the least recently asked for going first. */
export function createRecentResults<T>(size: number): RecentResults<T> {
  const kept = new Map<string, { readonly result: T }>();
  return {
    get(key, make) {
      const found = kept.get(key) ?? { result: make() };
      kept.delete(key);
      kept.set(key, found);
      for (const oldest of kept.keys()) {
        if (kept.size <= size) break;
        kept.delete(oldest);
      }
      return found.result;
    },
  };
}
