import { cpus, release, totalmem } from 'node:os';

/** What the numbers depend on, without names that only its owner needs to know. */
export function describeMachine(): string {
  const [first] = cpus();
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  return `${cpus().length} cores (${first?.model.trim() ?? 'unknown'}), ${gigabytes} GB of memory, Linux ${release()}, Node ${process.versions.node}`;
}
