import { after, type TestContext } from 'node:test';

import { startApp, type TestApp, type TestOptions } from '../harness.ts';

interface SharedOptions extends Omit<TestOptions, 'besides'> {
  /** Another node of this shared app. */
  besides?: () => Promise<TestApp>;
}

/**
 * One app for the tests of a file that do not disturb each other, started by the first that asks. Call it at
 * the top of the file: it is stopped when all its tests are over.
 */
export function shareApp(options: SharedOptions = {}): () => Promise<TestApp> {
  const cleanups: (() => unknown)[] = [];
  after(async () => {
    for (const cleanUp of cleanups.toReversed()) await cleanUp();
  });
  const context = { after: (cleanUp: () => unknown) => void cleanups.push(cleanUp) };
  let app: Promise<TestApp> | undefined;
  const start = async () => {
    const { config, besides } = options;
    return startApp(context as unknown as TestContext, {
      ...(config === undefined ? {} : { config }),
      ...(besides === undefined ? {} : { besides: await besides() }),
    });
  };
  return () => (app ??= start());
}
