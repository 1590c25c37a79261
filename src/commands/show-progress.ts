import { formatSeconds } from '../features/backup/index.ts';
import type { Progress } from '../features/fsck/index.ts';

const TERMINAL_MS = 200;
const LOG_MS = 60_000;

/** Shows on standard error how far something is: one line that changes at a terminal, else a line each minute. */
export function showProgress() {
  const { stderr } = process;
  let begun: { what: string; at: number; done: number } | undefined;
  let nextAt = 0;
  return {
    show({ what, done, total }: Progress): void {
      const now = performance.now();
      const isNew = begun?.what !== what;
      if (begun === undefined || isNew) begun = { what, at: now, done };
      if (now < nextAt && !isNew) return;
      nextAt = now + (stderr.isTTY ? TERMINAL_MS : LOG_MS);
      const speed = (done - begun.done) / (now - begun.at);
      const left =
        speed > 0 && total > done ? `, ${formatSeconds((total - done) / speed / 1000)} left` : '';
      const part = total > 0 ? ` ${Math.min(100, (100 * done) / total).toFixed(1)} %` : ` ${done}`;
      const line = `${what}:${part}${left}`;
      stderr.write(stderr.isTTY ? `\r\u001B[K${line}` : `${line}\n`);
    },
    end(): void {
      if (stderr.isTTY) stderr.write('\r\u001B[K');
    },
  };
}
