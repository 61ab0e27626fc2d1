import { RE2JS } from 're2js';
import { matchesSomewhere, matchesWhole } from './look-tester.ts';
import { hasLook, type PatternTree } from './pattern-tree.ts';
import { re2SourceOf } from './re2-source.ts';
import { parsePattern } from './read/parse-pattern.ts';

/** Tells whether a text matches; in time proportional to the text, whatever the pattern. */
export interface PatternTester {
  test(text: string): boolean;
}

/**
 * Tests whether a pattern matches somewhere in a text: for `pattern` in a JSON Schema. Patterns of users never run in
 * V8, whose time has no bound.
 *
 * @throws Refused for a pattern that is not supported or not valid, naming the construct and its position.
 */
export function patternTester(pattern: string): PatternTester {
  const tree = parsePattern(pattern);
  // RE2 has no lookarounds.
  if (hasLook(tree)) return { test: (text) => matchesSomewhere(tree, text) };
  const compiled = RE2JS.compile(re2SourceOf(tree));
  return { test: (text) => compiled.matcher(text).find() };
}

/** Tests whether the tree matches a text from its first to its last character. */
export function fullTester(tree: PatternTree): PatternTester {
  if (hasLook(tree)) return { test: (text) => matchesWhole(tree, text) };
  const compiled = RE2JS.compile(re2SourceOf(tree));
  return { test: (text) => compiled.matcher(text).matches() };
}
