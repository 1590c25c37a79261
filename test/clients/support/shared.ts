import { after } from 'node:test';

/** Something all tests of a file share: made by the first that asks, stopped after the last. */
export function shared<T extends { stop(): Promise<void> }>(
  make: () => Promise<T>,
): () => Promise<T> {
  let made: Promise<T> | undefined;
  after(async () => {
    const failed = () => undefined; // the test that asked has said so
    await (await made?.catch(failed))?.stop();
  });
  return () => (made ??= make());
}
