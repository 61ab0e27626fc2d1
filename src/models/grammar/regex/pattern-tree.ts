import type { CodePointSet } from '../gbnf/code-points.ts';

/** A parsed pattern: what a regular expression comes down to once its syntax is gone. */
export type PatternTree =
  /** One character of the set; an empty set matches nothing. */
  | { readonly kind: 'set'; readonly set: CodePointSet }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternTree[] }
  | { readonly kind: 'alternatives'; readonly options: readonly PatternTree[] }
  | ({ readonly kind: 'repeat' } & Repetition)
  /** Matches the empty text at the beginning, or at the end, of the whole text. */
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | Look;

/** Matches the empty text where its part matches what comes after, or what came before; or, negated, where it does not. */
export interface Look {
  readonly kind: 'look';
  readonly isAhead: boolean;
  readonly isNegated: boolean;
  readonly part: PatternTree;
}

/** How many characters the tree speaks of once every repetition is written out: the size of its automaton. */
export function sizeOf(tree: PatternTree): number {
  switch (tree.kind) {
    case 'set':
    case 'start':
    case 'end':
      return 1;
    case 'sequence':
      return tree.parts.reduce((sum, part) => sum + sizeOf(part), 1);
    case 'alternatives':
      return tree.options.reduce((sum, option) => sum + sizeOf(option), 1);
    case 'look':
      return sizeOf(tree.part) + 1;
    case 'repeat':
      return (sizeOf(tree.part) + 1) * Math.max(1, tree.max ?? tree.min + 1);
  }
}

/** True when the tree matches the empty text wherever that stands. */
export function isNullable(tree: PatternTree): boolean {
  switch (tree.kind) {
    case 'set':
    case 'start':
    case 'end':
    case 'look':
      return false;
    case 'sequence':
      return tree.parts.every(isNullable);
    case 'alternatives':
      return tree.options.some(isNullable);
    case 'repeat':
      return tree.min === 0 || isNullable(tree.part);
  }
}

/** True when the tree matches the empty text somewhere, if only at an edge. */
export function canBeEmpty(tree: PatternTree): boolean {
  switch (tree.kind) {
    case 'set':
      return false;
    case 'start':
    case 'end':
    case 'look':
      return true;
    case 'sequence':
      return tree.parts.every(canBeEmpty);
    case 'alternatives':
      return tree.options.some(canBeEmpty);
    case 'repeat':
      return tree.min === 0 || canBeEmpty(tree.part);
  }
}

/** True when the tree, or a part of it, is what `isSought` says. */
export function hasPart(tree: PatternTree, isSought: (part: PatternTree) => boolean): boolean {
  if (isSought(tree)) return true;
  switch (tree.kind) {
    case 'set':
    case 'start':
    case 'end':
      return false;
    case 'sequence':
      return tree.parts.some((part) => hasPart(part, isSought));
    case 'alternatives':
      return tree.options.some((option) => hasPart(option, isSought));
    case 'repeat':
    case 'look':
      return hasPart(tree.part, isSought);
  }
}

/** True for a tree with a lookahead, a lookbehind or an edge of a word or line. */
export function hasLook(tree: PatternTree): boolean {
  return hasPart(tree, ({ kind }) => kind === 'look');
}

/** The tree without the parts that `isDropped` says, as if nothing stood there. */
export function withoutParts(tree: PatternTree, isDropped: (part: PatternTree) => boolean): PatternTree {
  if (isDropped(tree)) return NOTHING;
  switch (tree.kind) {
    case 'set':
    case 'start':
    case 'end':
    case 'look':
      return tree;
    case 'sequence':
      return { kind: 'sequence', parts: tree.parts.map((part) => withoutParts(part, isDropped)) };
    case 'alternatives':
      return { kind: 'alternatives', options: tree.options.map((option) => withoutParts(option, isDropped)) };
    case 'repeat':
      return { ...tree, part: withoutParts(tree.part, isDropped) };
  }
}

const NOTHING: PatternTree = { kind: 'sequence', parts: [] };

/** A part from `min` to `max` times; `max` undefined: no bound. */
export interface Repetition {
  readonly part: PatternTree;
  readonly min: number;
  readonly max: number | undefined;
}

/**
 * The same texts as a repetition, split in as few ways as is easily had: of `(a?){2}`, `a{0,2}`; of `(a{1,3}){2}`,
 * `a{2,6}`. What may be empty need not be there at all, so its repetitions are all optional.
 */
export function simplestRepetition(given: Repetition): Repetition {
  const { max } = given;
  const min = isNullable(given.part) ? 0 : given.min;
  const part = withoutEmpty(given.part);
  if (part.kind !== 'repeat' || max === 0) return { part, min, max };
  const most = (outer: number | undefined) =>
    outer === 0 ? 0 : part.max === undefined || outer === undefined ? undefined : part.max * outer;
  const mostOfLeast = most(min);
  // With one more of the repetitions inside, no count is left out between the most before and the least now.
  const hasNoGap = min === max || mostOfLeast === undefined || part.min * (min + 1) <= mostOfLeast + 1;
  return hasNoGap ? simplestRepetition({ part: part.part, min: part.min * min, max: most(max) }) : { part, min, max };
}

/**
 * A tree that matches the same texts but for the empty one, which it may or may not match: repeated, it can be split in
 * fewer ways.
 */
function withoutEmpty(tree: PatternTree): PatternTree {
  if (!isNullable(tree)) return tree;
  switch (tree.kind) {
    case 'set':
    case 'start':
    case 'end':
    case 'look':
      return tree;
    case 'sequence':
      return tree.parts.length === 0 ? IMPOSSIBLE : tree;
    case 'alternatives':
      return eitherOf(tree.options.map(withoutEmpty).filter((option) => !isImpossible(option)));
    case 'repeat':
      return tree.max === 0 ? IMPOSSIBLE : { kind: 'repeat', part: withoutEmpty(tree.part), min: 1, max: tree.max };
  }
}

const IMPOSSIBLE: PatternTree = { kind: 'alternatives', options: [] };

function eitherOf(options: readonly PatternTree[]): PatternTree {
  const [first, second] = options;
  return first !== undefined && second === undefined ? first : { kind: 'alternatives', options };
}

function isImpossible(tree: PatternTree): boolean {
  return tree.kind === 'alternatives' && tree.options.length === 0;
}
