import { type CodePointRange, type CodePointSet, codePointSet } from './code-points.ts';

/** The right side of a rule of a grammar. Made by the functions of this file, which keep it small. */
export type Expression =
  | { readonly kind: 'literal'; readonly text: string }
  /** One character of the set, which is not empty. */
  | { readonly kind: 'class'; readonly set: CodePointSet }
  /** Two parts or more, none of them a sequence. */
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  /** No options: nothing at all matches. Otherwise two or more, none of them alternatives. */
  | { readonly kind: 'alternatives'; readonly options: readonly Expression[] }
  /** `max` undefined: no bound. Never {1,1}. */
  | { readonly kind: 'repeat'; readonly part: Expression; readonly min: number; readonly max: number | undefined }
  | { readonly kind: 'rule'; readonly name: string };

/** Matches the empty text only. */
export const EMPTY: Expression = { kind: 'literal', text: '' };

/** Matches no text; a grammar whose root is this cannot be printed. */
export const NEVER: Expression = { kind: 'alternatives', options: [] };

/** Exactly this text; {@link NEVER} for one that no result can hold: a zero character or half a surrogate pair. */
export function literal(text: string): Expression {
  return text.includes('\0') || !text.isWellFormed() ? NEVER : { kind: 'literal', text };
}

/** One character of these ranges, in any order; {@link NEVER} when no character is left. */
export function characterClass(ranges: readonly CodePointRange[]): Expression {
  const set = codePointSet(ranges);
  return set.length === 0 ? NEVER : { kind: 'class', set };
}

/** One after the other. */
export function sequence(...parts: readonly Expression[]): Expression {
  const flat: Expression[] = [];
  let texts: string[] = [];
  const flush = () => {
    if (texts.length > 0) flat.push({ kind: 'literal', text: texts.join('') });
    texts = [];
  };
  for (const part of parts.flatMap((part) => (part.kind === 'sequence' ? part.parts : [part]))) {
    if (isNever(part)) return NEVER;
    if (isEmpty(part)) continue;
    if (part.kind === 'literal') texts.push(part.text);
    else {
      flush();
      flat.push(part);
    }
  }
  flush();
  const [first, second] = flat;
  if (first === undefined) return EMPTY;
  return second === undefined ? first : { kind: 'sequence', parts: flat };
}

/** One of these; equal options that are the same object, and impossible ones, are dropped. */
export function alternatives(options: readonly Expression[]): Expression {
  const flat = options.flatMap((option) => (option.kind === 'alternatives' ? option.options : [option]));
  const [first, ...others] = [...new Set(flat)];
  if (first === undefined) return NEVER;
  return others.length === 0 ? first : { kind: 'alternatives', options: [first, ...others] };
}

/**
 * The part from `min` to `max` times, without bound when `max` is undefined. {@link NEVER} when `max` is below `min`.
 *
 * What is repeated without bound must not match the empty text: the engine takes that for a left recursion.
 */
export function repeat(part: Expression, min: number, max: number | undefined): Expression {
  if (max !== undefined && max < min) return NEVER;
  if (max === 0 || isEmpty(part)) return EMPTY;
  if (isNever(part)) return min === 0 ? EMPTY : NEVER;
  return min === 1 && max === 1 ? part : { kind: 'repeat', part, min, max };
}

/** The part or nothing. */
export function optional(part: Expression): Expression {
  return repeat(part, 0, 1);
}

/** What the rule of this name matches. */
export function ruleRef(name: string): Expression {
  return { kind: 'rule', name };
}

/** True for {@link EMPTY}; other expressions may match the empty text too. */
export function isEmpty(expression: Expression): boolean {
  return expression.kind === 'literal' && expression.text === '';
}

/** True for {@link NEVER}; an expression with rules in it may match nothing too. */
export function isNever(expression: Expression): boolean {
  return expression.kind === 'alternatives' && expression.options.length === 0;
}
