/** A stream of numbers that is the same for the same seed. */
export interface Random {
  /** A whole number from 0 up to, and not including, `below`. */
  int(below: number): number;
  chance(probability: number): boolean;
  /** One of them, undefined when there is none. */
  pick<Item>(items: readonly Item[]): Item | undefined;
  /** A key by its weight; undefined when all weights are 0. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key | undefined;
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  /** Mulberry32, by Tommy Ettinger, in the public domain. */
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const int = (below: number) => Math.floor(next() * below);
  return {
    int,
    chance: (probability) => next() < probability,
    pick: (items) => items[int(items.length)],
    weighted(weights) {
      const keys = Object.keys(weights) as (keyof typeof weights)[]; // the keys of a literal
      const total = keys.reduce((sum, key) => sum + weights[key], 0);
      let at = next() * total;
      for (const key of keys) {
        at -= weights[key];
        if (at < 0) return key;
      }
      return undefined;
    },
  };
}
