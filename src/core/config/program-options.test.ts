import { expect, test } from 'vitest';
import { silentLogger } from '../log.ts';
import { requireProgramOptions } from './program-options.ts';

test.each([
  [null, 'options: expected an object, got null'],
  [{ uri: 5 }, 'uri: expected a text, got 5'],
  [{ directUri: null }, 'directUri: expected a text, got null'],
  [{ log: console }, 'log: expected a logger of pino, got an object'],
  [{ providers: {} }, 'providers: expected a list of model providers, got an object'],
  [{ providers: [{}] }, 'providers[0]: expected a model provider, with list, describe, load, got an object'],
])('%j is refused by name', (options, message) => {
  expect(() => requireProgramOptions(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message }));
});

test('what is left out, and what is right, is taken', () => {
  requireProgramOptions({});
  const provider = { list: () => [], describe: () => undefined, load: () => undefined };
  requireProgramOptions({ uri: 'postgresql://x', directUri: undefined, log: silentLogger, providers: [provider] });
});
