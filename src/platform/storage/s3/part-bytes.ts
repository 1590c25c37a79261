const MIB = 1024 * 1024;
/** S3 takes no part below 5 MiB, but for the last, and no more than 10 000 of them. */
const FIRST_BYTES = 8 * MIB;
const DOUBLED_EVERY = 2000;
export const MOST_PARTS = 10_000;

/**
 * The size of a part, numbered from 1: small, as each upload holds some in memory, and larger behind the first
 * 16 GiB, so that they suffice for 484 GiB. It depends on the number alone: a store that wants parts of one size
 * (R2) gets them up to 16 GiB, and an offset says which parts there are.
 */
export const partBytes = (number: number): number =>
  FIRST_BYTES * 2 ** Math.floor((number - 1) / DOUBLED_EVERY);

/** Where the first `count` parts end. */
export function endOfParts(count: number): number {
  let end = 0;
  for (let done = 0; done < count; done += DOUBLED_EVERY) {
    end += Math.min(DOUBLED_EVERY, count - done) * partBytes(done + 1);
  }
  return end;
}
