import type { TestApp } from '../harness.ts';

/** The connections of the pool of a `startApp`. */
const POOL_SIZE = 5;

/** Takes every connection of the pool; answers what gives them back. */
export async function holdPool({ platform: { db } }: TestApp): Promise<() => void> {
  const released = Promise.withResolvers<void>();
  const held = Array.from({ length: POOL_SIZE }, () => Promise.withResolvers<void>());
  for (const { resolve } of held) {
    void db.connection().execute(async () => {
      resolve();
      await released.promise;
    });
  }
  await Promise.all(held.map(({ promise }) => promise));
  return released.resolve;
}
