import type { CodePointSet } from '../gbnf/code-points.ts';

/** A parsed pattern: what a regular expression comes down to once its syntax is gone. */
export type PatternTree =
  /** One character of the set; an empty set matches nothing. */
  | { readonly kind: 'set'; readonly set: CodePointSet }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternTree[] }
  | { readonly kind: 'alternatives'; readonly options: readonly PatternTree[] }
  /** `max` undefined: no bound. */
  | { readonly kind: 'repeat'; readonly part: PatternTree; readonly min: number; readonly max: number | undefined }
  /** Matches the empty text at the beginning, or at the end, of the whole text. */
  | { readonly kind: 'start' }
  | { readonly kind: 'end' };

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
      return false;
    case 'sequence':
      return tree.parts.every(isNullable);
    case 'alternatives':
      return tree.options.some(isNullable);
    case 'repeat':
      return tree.min === 0 || isNullable(tree.part);
  }
}

/**
 * A tree that matches the same texts but for the empty one, which it may or may not match: repeated, it can be split in
 * fewer ways.
 */
export function withoutEmpty(tree: PatternTree): PatternTree {
  if (!isNullable(tree)) return tree;
  switch (tree.kind) {
    case 'set':
    case 'start':
    case 'end':
      return tree;
    case 'sequence':
      return tree.parts.length === 0 ? { kind: 'alternatives', options: [] } : tree;
    case 'alternatives':
      return { kind: 'alternatives', options: tree.options.map(withoutEmpty) };
    case 'repeat':
      return { kind: 'repeat', part: withoutEmpty(tree.part), min: 1, max: tree.max };
  }
}
