/** The grammar that a generated text must follow, and the check of what no grammar can say. */
export interface OutputGrammar {
  /** GBNF, as llama.cpp and llama-server take it; its start symbol is `root`. */
  readonly gbnf: string;
  /**
   * What is wrong with a finished text, or undefined when it is what was asked for: exactly, also where the grammar is looser.
   * The text of a problem is shown to callers.
   */
  problemOf(text: string): string | undefined;
}

/** Why an output can never be made: an unsupported keyword or construct, a contradiction, too large a grammar. Shown to callers. */
export interface OutputRefusal {
  readonly refusal: string;
}

/**
 * Thrown inside the compilers of this folder when an output can never be made; `compileOutput` turns it into an
 * `OutputRefusal`, so no caller of it sees one. The message is the refusal: shown to callers.
 */
export class Refused extends Error {
  override readonly name: string = 'Refused';
}

/** A grammar beyond its budget: the engine would take too long, or crash, to read it or to follow it. */
export class GrammarTooLarge extends Refused {
  override readonly name: string = 'GrammarTooLarge';
}
