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
