import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { LOG_LEVEL_OPTION } from '../../src/cli/common-options.ts';
import { type MarkdownPage, readPages } from './markdown-page.ts';

const flagsOf = new Map(
  COMMANDS.map(({ name, options }) => [name, [...options, LOG_LEVEL_OPTION].map(({ flag }) => `--${flag}`)]),
);
/** Of every command, of the programs, and of npm. */
const OTHER_FLAGS = ['--help', '--version', '--omit'];
const scripts = Object.keys((JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object }).scripts);

/** Lines of shell blocks, and what stands in code marks in the text. */
function commandsOf({ text, blocks }: MarkdownPage): string[] {
  const shell = blocks.filter(({ language }) => language === 'sh').flatMap((block) => block.text.split('\n'));
  const prose = text.replace(/^```[\s\S]*?^```/gm, '');
  return [...shell, ...[...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replace(/\s+/g, ' '))];
}

function* problemsOf(line: string): Generator<string> {
  for (const [, first = '', rest = ''] of line.matchAll(/(?:^|npx )lamplighter ([a-z][a-z-]*)([^&|]*)/g)) {
    const two = `${first} ${/^ ([a-z-]+)/.exec(rest)?.[1]}`;
    const name = flagsOf.has(two) ? two : first;
    const flags = flagsOf.get(name);
    if (flags === undefined) yield `lamplighter has no command ${name}`;
    for (const [flag] of rest.matchAll(/(?<= )--[a-z-]+/g)) {
      if (flags !== undefined && !flags.includes(flag)) yield `lamplighter ${name} has no flag ${flag}`;
    }
  }
  const known = [...flagsOf.values(), ...OTHER_FLAGS].flat();
  const [flag] = /^--[a-z-]+/.exec(line) ?? [];
  if (flag !== undefined && !known.includes(flag)) yield `no command has a flag ${flag}`;
  for (const [, script = ''] of line.matchAll(/npm run (?:--silent )?([\w:]+)/g)) {
    if (!scripts.includes(script)) yield `package.json has no script ${script}`;
  }
}

test.each(readPages())('the commands and flags in $path exist', (page) => {
  expect(commandsOf(page).flatMap((line) => [...problemsOf(line)])).toEqual([]);
});
