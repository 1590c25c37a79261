export interface Random {
  /** A whole number, from 0 and below `limit`. */
  below: (limit: number) => number;
  pick: <T>(items: readonly T[]) => T;
  shuffle: <T>(items: readonly T[]) => T[];
  text: (parts: readonly string[], maxParts: number) => string;
  /** The text with a few characters dropped, doubled or replaced. */
  spoil: (text: string) => string;
}

const HOSTILE = ['\0', '\n', '"', '\\', '/', '..', '%2f', ':', '-', '\u212a', '\ud800', 'é', '😀'];

/** The same numbers for the same seed: mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed;
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
  const pick = <T>(items: readonly T[]) => items[below(items.length)]!;
  const shuffle = <T>(items: readonly T[]) => {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = below(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!];
    }
    return shuffled;
  };
  const text = (parts: readonly string[], maxParts: number) =>
    Array.from({ length: below(maxParts + 1) }, () => pick(parts)).join('');
  const spoil = (whole: string) => {
    let spoiled = whole;
    for (let count = 1 + below(3); count > 0; count--) {
      const at = below(spoiled.length + 1);
      const put = pick(['', '', spoiled.slice(at, at + 1).repeat(2), pick(HOSTILE)]);
      spoiled = spoiled.slice(0, at) + put + spoiled.slice(at + below(3));
    }
    return spoiled;
  };
  return { below, pick, shuffle, text, spoil };
}
