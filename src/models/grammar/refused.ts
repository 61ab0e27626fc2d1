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
