import { expect, it } from 'vitest';
import { stripThinking } from './strip-thinking.ts';

it.each([
  ['an answer', 'an answer'],
  ['<think>\nHm.\n</think>\n\nYes', 'Yes'],
  [' <think></think>Yes', 'Yes'],
  ['Tags such as <think> in an answer', 'Tags such as <think> in an answer'],
  ['<think>Hm, and so', undefined],
])('takes the answer from behind the thought: %j', (text, answer) => {
  expect(stripThinking(text)).toBe(answer);
});
