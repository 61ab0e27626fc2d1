/**
 * How many tokens of a first and a second text are kept so that both have at most `room`, taking from the longer one first.
 *
 * The rule "longest first" of the tokenizers library (`truncate_encodings` in its utils/truncation.rs), by which
 * cross-encoders were trained.
 */
export function truncatePair(first: number, second: number, room: number): readonly [first: number, second: number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  const longer = Math.max(shorter, room - shorter);
  const half = Math.floor(room / 2);
  const [low, high] = shorter + longer > room ? [half, room - half] : [shorter, longer];
  return first > second ? [high, low] : [low, high];
}
