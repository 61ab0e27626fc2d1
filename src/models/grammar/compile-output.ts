import { canonicalJson, isNestedWithin } from '../json-value.ts';
import type { GenerateOutput } from '../port.ts';
import { compileChoice } from './choice/compile-choice.ts';
import type { OutputGrammar, OutputRefusal } from './output-grammar.ts';
import { createRecentResults } from './recent-results.ts';
import { Refused } from './refused.ts';
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
