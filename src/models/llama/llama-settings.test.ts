import { describe, expect, it } from 'vitest';
import { readLlamaSettings } from './llama-settings.ts';

describe('readLlamaSettings', () => {
  it('takes a GPU when there is one, half of the CPUs, and a context of some pages', () => {
    const { gpu, threads, contextTokens } = readLlamaSettings({});
    expect({ gpu, contextTokens }).toEqual({ gpu: 'auto', contextTokens: 4_096 });
    expect(threads >= 1 && threads <= 8).toBe(true);
  });

  it('takes what the environment says', () => {
    const env = {
      LAMPLIGHTER_LLAMA_GPU: 'off',
      LAMPLIGHTER_LLAMA_THREADS: '3',
      LAMPLIGHTER_LLAMA_CONTEXT: '8192',
    };
    expect(readLlamaSettings(env)).toEqual({ gpu: false, threads: 3, contextTokens: 8_192 });
  });

  it.each([
    [{ LAMPLIGHTER_LLAMA_GPU: 'yes' }, 'LAMPLIGHTER_LLAMA_GPU: expected auto or off, got "yes"'],
    [{ LAMPLIGHTER_LLAMA_THREADS: '0' }, 'LAMPLIGHTER_LLAMA_THREADS: expected a whole number from 1 to 256, got "0"'],
    [{ LAMPLIGHTER_LLAMA_CONTEXT: '1e4' }, 'expected a whole number from 256 to 1048576, got "1e4"'],
  ])('refuses %o', (env, message) => {
    expect(() => readLlamaSettings(env)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });
});
