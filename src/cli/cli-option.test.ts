import { expect, test } from 'vitest';
import { buildProgram } from './build-program.ts';
import { type CliOption, isOn, listOf, readOption, textOf } from './cli-option.ts';
import { COMMANDS } from './commands.ts';

const TEXT: CliOption = { flag: 'data-dir', argument: 'folder', describes: '' };
const SWITCH: CliOption = { flag: 'yes', describes: '' };
const LIST: CliOption = { flag: 'grant', argument: 'role', isRepeatable: true, describes: '' };

test('a flag wins over its variable', () => {
  const env = { LAMPLIGHTER_DATA_DIR: 'b', LAMPLIGHTER_GRANT: 'c, d,' };
  expect(textOf({ flags: { dataDir: 'a' }, env }, TEXT)).toBe('a');
  expect(textOf({ flags: {}, env }, TEXT)).toBe('b');
  expect(listOf({ flags: { grant: ['a,b'] }, env }, LIST)).toEqual(['a,b']);
  expect(listOf({ flags: {}, env }, LIST)).toEqual(['c', 'd']);
});

test.each([
  [{ yes: true }, {}, true],
  [{}, {}, false],
  [{}, { LAMPLIGHTER_YES: '1' }, true],
  [{}, { LAMPLIGHTER_YES: 'false' }, false],
])('a switch with flags %j and variables %j is %s', (flags, env, expected) => {
  expect(isOn({ flags, env }, SWITCH)).toBe(expected);
});

test('a value that cannot be read is named by where it came from', () => {
  const read = () => ({ expected: 'a folder' });
  expect(() => readOption({ flags: { dataDir: '?' }, env: {} }, TEXT, read)).toThrow(
    '--data-dir: expected a folder, got "?"',
  );
  expect(() => readOption({ flags: {}, env: { LAMPLIGHTER_DATA_DIR: '?' } }, TEXT, read)).toThrow(
    'LAMPLIGHTER_DATA_DIR: expected a folder, got "?"',
  );
  expect(() => isOn({ flags: {}, env: { LAMPLIGHTER_YES: 'maybe' } }, SWITCH)).toThrow(
    'LAMPLIGHTER_YES: expected true or false',
  );
});

test('a filter that is given twice is refused, as one of them would not hold; one that may be repeated is not', async () => {
  const parse = (...args: string[]) =>
    buildProgram('lamplighter', COMMANDS, async () => undefined).parseAsync(args, { from: 'user' });
  await expect(parse('requests', 'cancel', '--role', 'a', '--role', 'b')).rejects.toMatchObject({
    code: 'USAGE',
    message: '--role: expected one, got "a" and "b"',
  });
  await parse('requests', 'cancel', '--role', 'a', '--uri', 'x', '--uri', 'y');
  await parse('task', 'list', '--status', 'queued', '--status', 'running');
});
