import type { Log } from '../../platform/log/index.ts';

/** An error that nobody caught leaves a process in a state that nobody knows: it says why, and ends. */
export function endOnFault(log: Log, message: string): void {
  // Promises that were rejected unheard come here, too.
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, message);
    process.exit(1);
  });
}
