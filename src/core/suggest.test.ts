import { expect, test } from 'vitest';
import { didYouMean, suggest } from './suggest.ts';

const FLAGS = ['concurrency', 'poll-interval', 'timeout', 'offline'];

test.each([
  ['concurency', 'concurrency'],
  ['pol-interval', 'poll-interval'],
  ['tiemout', 'timeout'],
  ['OFFLINE', 'offline'],
])('%s was meant as %s', (word, meant) => {
  expect(suggest(word, FLAGS)).toBe(meant);
});

test('nothing is suggested for what is not close', () => {
  expect(suggest('retention', FLAGS)).toBeUndefined();
  expect(suggest('', FLAGS)).toBeUndefined();
  expect(didYouMean('retention', FLAGS)).toBe('');
});

test('a swap of neighbours counts as one mistake', () => {
  expect(suggest('embde', ['embed'])).toBe('embed');
});
