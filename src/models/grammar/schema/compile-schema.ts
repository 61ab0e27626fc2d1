import { isNestedWithin, type JsonSchema, MAX_JSON_DEPTH } from '../../json-value.ts';
import { printGrammar } from '../gbnf/print-grammar.ts';
import { pruneRules } from '../gbnf/prune-rules.ts';
import { GrammarTooLarge, type OutputGrammar, type OutputRefusal, Refused } from '../output-grammar.ts';
import { createDocumentPatterns } from '../regex/document-patterns.ts';
import { createInstanceCheck } from './check/instance-check.ts';
import { at } from './read/keyword-reader.ts';
import { readSchema } from './read/read-schema.ts';
import { schemaRules } from './schema-rules.ts';

/**
 * The grammar of the JSON texts that a schema allows (draft 2020-12, and draft 7 where it differs), or why there is none.
 *
 * The grammar has one spelling of each value: properties in the order of `inPropertyOrder` and then others, at most one space
 * after `,` and `:`, characters escaped as `JSON.stringify` does, numbers of at most 18 digits before the point unless
 * bounds are longer. It accepts every valid value in that spelling; where it accepts more, `problemOf` is exact.
 * The same schema gives the same bytes. Nothing of the schema runs as code or as a pattern of the JavaScript engine.
 */
export function compileSchema(schema: JsonSchema): OutputGrammar | OutputRefusal {
  try {
    if (!isNestedWithin(schema)) throw new GrammarTooLarge(`Schema is nested deeper than ${MAX_JSON_DEPTH} levels`);
    const document = readSchema(schema);
    const patterns = createDocumentPatterns();
    const check = createInstanceCheck(document, patterns);
    const { rules, impossible } = schemaRules(document.root, patterns, check.isValid);
    if (pruneRules(rules) === undefined) {
      const reason =
        impossible === undefined
          ? 'it asks for values within values without end'
          : `nothing fits the schema ${at(impossible)}`;
      throw new Refused(`No value at all is valid under the schema: ${reason}`);
    }
    return { gbnf: printGrammar(rules), problemOf: check.problemOf };
  } catch (error) {
    if (error instanceof Refused) return { refusal: error.message };
    throw error;
  }
}
