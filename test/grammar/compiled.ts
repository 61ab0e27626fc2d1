import { compileOutput } from '../../src/models/grammar/compile-output.ts';
import type { OutputGrammar } from '../../src/models/grammar/output-grammar.ts';
import type { GenerateOutput } from '../../src/models/port.ts';

/** The grammar of an output. @throws Error for one that is refused. */
export function compiled(output: GenerateOutput): OutputGrammar {
  const result = compileOutput(output);
  if (result === undefined || 'refusal' in result) throw new Error(`refused: ${result?.refusal ?? 'it is plain'}`);
  return result;
}

/** Why an output is refused; undefined when it is not. */
export function refusalOf(output: GenerateOutput): string | undefined {
  const result = compileOutput(output);
  return result !== undefined && 'refusal' in result ? result.refusal : undefined;
}
