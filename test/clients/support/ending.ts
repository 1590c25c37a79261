/** What this process has started or made and must take along when it ends, oldest first. */
const open = new Set<() => Promise<void>>();

/** Gives `stop`, to be called once at the most, and sees to it when the tests are interrupted. */
export function endWithTests(stop: () => Promise<void>): () => Promise<void> {
  let ended: Promise<void> | undefined;
  const once = () => {
    open.delete(once);
    return (ended ??= stop());
  };
  open.add(once);
  return once;
}

async function endAll(): Promise<void> {
  for (const stop of [...open].toReversed()) {
    await stop().catch((error: unknown) => console.error(error));
  }
}

// The runner ends a test file with TERM when it is interrupted or out of time.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void endAll().finally(() => process.exit(1));
  });
}
