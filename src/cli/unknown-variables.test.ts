import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { flagVariable } from '../core/config/define-config.ts';
import { COMMANDS } from './commands.ts';
import { OTHER_VARIABLES, warnOfUnknownVariables } from './unknown-variables.ts';

test('a variable that nobody reads is named, with the one that was probably meant', () => {
  const env = {
    LAMPLIGHTER_CONCURENCY: '8',
    LAMPLIGHTER_XYZ: '1',
    STEADYTEXT_WORKER_TIMOUT: '5',
    LAMPLIGHTER_CONCURRENCY: '8',
    LAMPLIGHTER_DB_SHOP: 'postgresql://shop',
    STEADYTEXT_WORKER_TIMEOUT: '5',
    PATH: '/bin',
  };
  expect(warnOfUnknownVariables(env, COMMANDS)).toEqual([
    'LAMPLIGHTER_CONCURENCY is no variable of Lamplighter and has no effect (did you mean "LAMPLIGHTER_CONCURRENCY"?)',
    'LAMPLIGHTER_XYZ is no variable of Lamplighter and has no effect',
    'STEADYTEXT_WORKER_TIMOUT is no variable of Lamplighter and has no effect (did you mean "STEADYTEXT_WORKER_TIMEOUT"?)',
  ]);
});

test('every variable that the sources read is known', () => {
  const folder = new URL('../', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?<!\.test)\.ts$/.test(name),
  );
  const texts = files.map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const read = new Set(texts.flatMap((text) => text.match(/(?<=['"`])LAMPLIGHTER_[A-Z_]+(?=['"`])/g) ?? []));
  const flags = COMMANDS.flatMap(({ options }) => options.map(({ flag }) => flagVariable(flag)));
  expect(read.size).toBeGreaterThan(5);
  expect([...read].filter((name) => ![...OTHER_VARIABLES, ...flags].includes(name) && !name.endsWith('_'))).toEqual([]);
});
