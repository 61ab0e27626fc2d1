/** What the scores of a model are: `probability` from 0 to 1, or `logit`, any number, that a sigmoid maps to 0 to 1. */
export type ScoreScale = 'probability' | 'logit';

/**
 * A question with a document that answers it and one that has nothing to do with it. Models that give logits answer them with
 * numbers far from zero on both sides, such as 8 and -11, so that one of the two lies outside 0 to 1.
 */
export const SCALE_QUESTION = {
  query: 'What is the capital of France?',
  documents: ['Paris is the capital of France.', 'Bananas grow in the tropics and are harvested green.'],
};

/** What scores say of their scale: one outside 0 to 1 (but for rounding) proves logits, all inside prove nothing. */
export function isBeyondProbability(scores: readonly number[]): boolean {
  return scores.some((score) => score < -1e-6 || score > 1 + 1e-6);
}

/** The score from 0 to 1. */
export function toProbability(score: number, scale: ScoreScale): number {
  return scale === 'logit' ? 1 / (1 + Math.exp(-score)) : Math.min(Math.max(score, 0), 1);
}
