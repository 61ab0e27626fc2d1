import type { AST } from '@eslint-community/regexpp';
import { determinise } from '../determinise.ts';
import { machineOf } from '../pattern-machine.ts';
import { canBeEmpty, isNullable, type Look, type PatternTree, sizeOf, withoutParts } from '../pattern-tree.ts';
import { createStepBudget, OutOfSteps } from '../step-budget.ts';
import { symbolsOfSets } from '../symbols.ts';

/** Bounds what all atomic groups of one pattern take, to some 50 ms. */
const MOST_STEPS = 300_000;

/** Largest tree that is built for one group, before its caller judges it. */
const LARGEST_TREE = 20_000;

/** What the reader of a pattern knows of its nodes. */
export interface AtomicReaderDeps {
  ofElement(node: AST.Element): PatternTree;
  isAtomicAt(index: number): boolean;
  isPossessiveAt(index: number): boolean;
}

/** Reads what may match in one way only: the way that an engine with backtracking tries first. */
export interface AtomicReader {
  /** Undefined where the first way cannot be told from the others. */
  ofGroup(node: AST.Group | AST.CapturingGroup): PatternTree | undefined;
  ofQuantifier(node: AST.Quantifier): PatternTree | undefined;
}

/**
 * A reader of atomic groups and possessive quantifiers. `(?>a|b)` is `a|(?!a)b`, and `a*+` is `a*(?!a)`: exact wherever
 * every part but the last can match a text in one way only, or nothing after it can fail.
 */
export function createAtomicReader({ ofElement, isAtomicAt, isPossessiveAt }: AtomicReaderDeps): AtomicReader {
  const budget = createStepBudget(MOST_STEPS);
  const read = new Map<AST.Node, PatternTree | undefined>();

  const first = (node: AST.Element): PatternTree | undefined => {
    if (read.has(node)) return read.get(node);
    const tree = firstOf(node);
    const kept = tree === undefined || sizeOf(tree) > LARGEST_TREE ? undefined : tree;
    read.set(node, kept);
    return kept;
  };

  const firstOf = (node: AST.Element): PatternTree | undefined => {
    if (node.type === 'Quantifier') return firstOfQuantifier(node);
    const isGroup = node.type === 'Group' || node.type === 'CapturingGroup';
    return isGroup ? firstOfAlternatives(node.alternatives.map(({ elements }) => elements)) : ofElement(node);
  };

  const firstOfAlternatives = (options: readonly (readonly AST.Element[])[]): PatternTree | undefined => {
    const whole: PatternTree = { kind: 'alternatives', options: options.map(allOf) };
    if (matchesOnce(whole)) return whole;
    const exclusive: PatternTree[] = [];
    for (const [index, elements] of options.entries()) {
      const tree = firstOfSequence(elements);
      if (tree === undefined) return undefined;
      const before = options.slice(0, index).map(allOf);
      const isFirst: Look = {
        kind: 'look',
        isAhead: true,
        isNegated: true,
        part: { kind: 'alternatives', options: before },
      };
      exclusive.push(index === 0 ? tree : { kind: 'sequence', parts: [isFirst, tree] });
    }
    return { kind: 'alternatives', options: exclusive };
  };

  const firstOfSequence = (elements: readonly AST.Element[]): PatternTree | undefined => {
    const whole = allOf(elements);
    if (matchesOnce(whole)) return whole;
    const parts: PatternTree[] = [];
    for (const [index, element] of elements.entries()) {
      const cannotFailAfter = elements.slice(index + 1).every((after) => isNullable(ofElement(after)));
      const part = cannotFailAfter ? first(element) : onlyWayOf(element);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return { kind: 'sequence', parts };
  };

  const firstOfQuantifier = (node: AST.Quantifier): PatternTree | undefined => {
    const { min, max } = node;
    const any = ofElement(node.element);
    // How often an engine goes round for nothing differs between engines.
    if (canBeEmpty(any)) return undefined;
    // Only where a repetition must follow can an earlier one be taken back.
    const part = min > 1 ? onlyWayOf(node.element) : first(node.element);
    if (part === undefined) return undefined;
    const times = (least: number, most: number | undefined): PatternTree => ({
      kind: 'repeat',
      part,
      min: least,
      max: most,
    });
    if (!node.greedy || min === max) return times(min, min);
    const noMore: Look = { kind: 'look', isAhead: true, isNegated: true, part: any };
    if (max === Number.POSITIVE_INFINITY) return { kind: 'sequence', parts: [times(min, undefined), noMore] };
    return {
      kind: 'alternatives',
      options: [times(max, max), { kind: 'sequence', parts: [times(min, max - 1), noMore] }],
    };
  };

  /** The tree of what matches in one way only wherever it stands; undefined for all else. */
  const onlyWayOf = (node: AST.Element): PatternTree | undefined => {
    const isAtomic = node.type === 'Quantifier' ? isPossessiveAt(node.end) : isAtomicAt(node.start);
    const tree = ofElement(node);
    return isAtomic || matchesOnce(tree) ? tree : undefined;
  };

  const allOf = (elements: readonly AST.Element[]): PatternTree => ({
    kind: 'sequence',
    parts: elements.map(ofElement),
  });

  /** True when no text of the tree begins another: then it can match in one way only at any place. */
  const matchesOnce = (tree: PatternTree): boolean => {
    try {
      if (sizeOf(tree) > LARGEST_TREE) return false;
      const machine = machineOf(
        withoutParts(tree, ({ kind }) => kind === 'look' || kind === 'start' || kind === 'end'),
      );
      budget.spend(machine.states.length);
      const sets = machine.states.flatMap((state) => (state.kind === 'set' ? [state.set] : []));
      const automaton = determinise(machine, symbolsOfSets(sets, budget), budget);
      return automaton.every(({ isEnd, edges }) => !isEnd || edges.length === 0);
    } catch (error) {
      if (error instanceof OutOfSteps) return false;
      throw error;
    }
  };

  return { ofGroup: first, ofQuantifier: first };
}
