import { stripThinking } from '../../strip-thinking.ts';
import type { StructuredOutput } from './structured-output.ts';

/** Reads the wanted text out of what a server that was only asked in words wrote: without thoughts, fences, space and quotes around it. */
export function readFenced(output: StructuredOutput): (text: string) => string {
  return (text) => {
    const bare = withoutThoughts(text);
    const inner = withoutFence(bare.trim());
    switch (output.kind) {
      case 'json':
        return inner;
      case 'regex':
        // Spaces may belong to a match; only the fence surely does not.
        return inner === bare.trim() ? bare : inner;
      case 'choice':
        return choiceIn(bare, inner, output.choices);
    }
  };
}

/** Reads the member `answer` out of the object that was asked for; another text, where a server ignored that, as {@link readFenced} does. */
export function readWrapped(output: StructuredOutput): (text: string) => string {
  const readOther = readFenced(output);
  return (text) => {
    try {
      const parsed: unknown = JSON.parse(withoutFence(withoutThoughts(text).trim()));
      if (typeof parsed === 'object' && parsed !== null && 'answer' in parsed && typeof parsed.answer === 'string') {
        return parsed.answer;
      }
    } catch {
      // Not the object; it may still be the text.
    }
    return readOther(text);
  };
}

/** The text after what a reasoning model wrote to itself; all of it where that has no end. */
export function withoutThoughts(text: string): string {
  return stripThinking(text) ?? text;
}

function withoutFence(text: string): string {
  const [, inner] = /^```[a-z]*\r?\n([\s\S]*?)\r?\n?```$/i.exec(text) ?? [];
  return inner ?? text;
}

function choiceIn(bare: string, inner: string, choices: readonly string[]): string {
  const candidates = [bare, inner, inner.trim(), inner.trim().replace(/^(["'`])([\s\S]*)\1$/, '$2')];
  return candidates.find((candidate) => choices.includes(candidate)) ?? inner;
}
