import { type AST, RegExpParser, RegExpSyntaxError } from '@eslint-community/regexpp';
import { ANY_CHARACTER, type CodePointSet, codePointSet, complementSet, uniteSets } from '../../gbnf/code-points.ts';
import { GrammarTooLarge, Refused } from '../../output-grammar.ts';
import { hasPart, type PatternTree, sizeOf } from '../pattern-tree.ts';
import { createAtomicReader } from './atomic-groups.ts';
import { withCaseVariants } from './case-variants.ts';
import { DIGITS, NOT_LINE_ENDS, SPACES, WORD_CHARACTERS } from './character-sets.ts';
import { lineEdge, wordEdge } from './edges.ts';
import { type NormalisedPattern, normalisePattern } from './normalise-pattern.ts';
import { unicodeProperty } from './unicode-property.ts';
import { type UNSUPPORTED, unsupported } from './unsupported.ts';

/** Most characters that a pattern may speak of once every repetition is written out. */
export const LARGEST_PATTERN = 20_000;

/** Most different Unicode properties of one pattern: each is looked up once per process, in some 50 ms. */
const MOST_PROPERTIES = 8;

/**
 * What a pattern means. `\d`, `\w` and `\s` are ECMAScript's, `.` is any character but a line end, and nothing matches
 * a zero character or half a surrogate pair. `$` is the end of the text, never before a last line end. Greedy and lazy
 * repetition are the same: it is told whether a text matches, not how.
 *
 * @throws Refused for what is not supported or not valid, naming the construct and its position.
 * @throws GrammarTooLarge beyond {@link LARGEST_PATTERN}, before anything is written out.
 */
export function parsePattern(pattern: string): PatternTree {
  const normalised = normalisePattern(pattern);
  return treeOf(parse(normalised), normalised);
}

function parse({ source, positionOf }: NormalisedPattern): AST.Pattern {
  try {
    return new RegExpParser({ ecmaVersion: 2024 }).parsePattern(source, 0, source.length, { unicode: true });
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    const what = error.message.slice(error.message.lastIndexOf(': ') + 2);
    throw new Refused(`Pattern is not valid: ${what}, near position ${positionOf(error.index)}`);
  }
}

function treeOf(root: AST.Pattern, normalised: NormalisedPattern): PatternTree {
  const { positionOf, flagsAt, isAtomicAt, isPossessiveAt } = normalised;
  const properties = new Set<string>();

  const refuse = (construct: keyof typeof UNSUPPORTED, node: AST.Node): never => {
    throw unsupported(construct, positionOf(node.start));
  };

  const ofAlternatives = (alternatives: readonly AST.Alternative[]): PatternTree => {
    const options = alternatives.map(({ elements }): PatternTree => {
      const [first, ...others] = elements.map(ofElement);
      return first !== undefined && others.length === 0
        ? first
        : { kind: 'sequence', parts: first === undefined ? [] : [first, ...others] };
    });
    const [first, second] = options;
    return first !== undefined && second === undefined ? first : { kind: 'alternatives', options };
  };

  const ofElement = (node: AST.Element): PatternTree => {
    switch (node.type) {
      case 'Group':
      case 'CapturingGroup':
        return isAtomicAt(node.start)
          ? within(atomic.ofGroup(node) ?? refuse('atomic', node), node)
          : ofAlternatives(node.alternatives);
      case 'Quantifier':
        return ofQuantifier(node);
      case 'Assertion':
        return ofAssertion(node);
      case 'Backreference':
        return refuse('backreference', node);
      case 'Character':
        return { kind: 'set', set: ofCharacter(node) };
      case 'CharacterSet':
        return { kind: 'set', set: ofCharacterSet(node) };
      case 'CharacterClass':
        return { kind: 'set', set: ofClass(node) };
      case 'ExpressionCharacterClass':
        return refuse('classOperator', node);
    }
  };

  const ofAssertion = (node: AST.Assertion): PatternTree => {
    switch (node.kind) {
      case 'start':
      case 'end':
        return flagsAt(node.start).m ? lineEdge(node.kind) : { kind: node.kind };
      case 'word':
        return wordEdge(flagsAt(node.start).i, node.negate);
      case 'lookahead':
      case 'lookbehind': {
        const part = ofAlternatives(node.alternatives);
        const isAhead = node.kind === 'lookahead';
        if (!isAhead && hasPart(part, looksAhead)) return refuse('lookInLookbehind', node);
        return { kind: 'look', isAhead, isNegated: node.negate, part };
      }
    }
  };

  /** @throws GrammarTooLarge for a tree that is too large, which ends at the end of the node. */
  const within = (tree: PatternTree, node: AST.Node): PatternTree => {
    if (sizeOf(tree) <= LARGEST_PATTERN) return tree;
    throw new GrammarTooLarge(
      `Pattern too large: the repetition at position ${positionOf(node.end)} makes more than ${LARGEST_PATTERN} characters`,
    );
  };

  const ofQuantifier = (node: AST.Quantifier): PatternTree => {
    if (isPossessiveAt(node.end)) return within(atomic.ofQuantifier(node) ?? refuse('possessive', node), node);
    const { min, max } = node;
    return within(
      {
        kind: 'repeat',
        part: ofElement(node.element),
        min,
        max: max === Number.POSITIVE_INFINITY ? undefined : max,
      },
      node.element,
    );
  };

  const ofCharacter = (node: AST.Character): CodePointSet => {
    if (node.value === 0) return refuse('zero', node);
    if (node.value >= 0xd800 && node.value <= 0xdfff) return refuse('surrogate', node);
    return caseless([[node.value, node.value]], node);
  };

  const ofCharacterSet = (node: AST.CharacterSet): CodePointSet => {
    if (node.kind === 'any') return flagsAt(node.start).s ? ANY_CHARACTER : NOT_LINE_ENDS;
    const isWord = node.kind === 'word';
    const set = node.kind === 'property' ? ofProperty(node) : SETS[node.kind];
    const negated = (given: CodePointSet) => (node.negate ? complementSet(given) : given);
    // ECMAScript folds before \\W leaves out, and after \\P does.
    return isWord ? negated(caseless(set, node)) : caseless(negated(set), node);
  };

  const ofProperty = (node: AST.UnicodePropertyCharacterSet): CodePointSet => {
    const name = node.value === null ? node.key : `${node.key}=${node.value}`;
    properties.add(name);
    const refuseProperty = (what: string): never => {
      throw new Refused(`Pattern not supported: ${what} at position ${positionOf(node.start)}`);
    };
    if (properties.size > MOST_PROPERTIES) return refuseProperty(`more than ${MOST_PROPERTIES} Unicode properties`);
    return unicodeProperty(name) ?? refuseProperty(`the Unicode property ${name}`);
  };

  const ofClass = (node: AST.CharacterClass): CodePointSet => {
    const set = caseless(uniteSets(...node.elements.map(ofClassElement)), node);
    return node.negate ? complementSet(set) : set;
  };

  const ofClassElement = (node: AST.CharacterClassElement): CodePointSet => {
    switch (node.type) {
      case 'Character':
        return codePointSet([[node.value, node.value]]);
      case 'CharacterClassRange':
        return codePointSet([[node.min.value, node.max.value]]);
      case 'CharacterSet':
        return ofCharacterSet(node);
      case 'CharacterClass':
      case 'ClassStringDisjunction':
      case 'ExpressionCharacterClass':
        return refuse('classOperator', node);
    }
  };

  const caseless = (set: CodePointSet, node: AST.Node): CodePointSet =>
    flagsAt(node.start).i ? withCaseVariants(set) : set;

  const atomic = createAtomicReader({ ofElement, isAtomicAt, isPossessiveAt });
  const tree = ofAlternatives(root.alternatives);
  if (sizeOf(tree) > LARGEST_PATTERN) {
    throw new GrammarTooLarge(`Pattern too large: it makes more than ${LARGEST_PATTERN} characters`);
  }
  return tree;
}

function looksAhead(part: PatternTree): boolean {
  return part.kind === 'end' || (part.kind === 'look' && part.isAhead);
}

const SETS = { digit: DIGITS, space: SPACES, word: WORD_CHARACTERS };
