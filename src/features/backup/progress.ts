import { formatBytes } from '../../lib/format-bytes.ts';
import type { Amount } from './store.ts';

const TERMINAL_MS = 500;
const LOG_MS = 30_000;

/** Where progress is shown: standard error. */
export interface Output {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** Tells a person how far a long work has come: on one line of a terminal, or with a line now and then. */
export class Progress {
  readonly #output: Output;
  #shownAt = performance.now();
  #begun = performance.now();
  #what = '';
  #total: Amount = { count: 0, bytes: 0 };
  #done: Amount = { count: 0, bytes: 0 };

  constructor(output: Output) {
    this.#output = output;
  }

  /** What is being done, without an end that is known. */
  say(what: string): void {
    this.#show(what);
  }

  /** Begins to count. */
  begin(what: string, total: Amount): void {
    this.#what = what;
    this.#total = total;
    this.#done = { count: 0, bytes: 0 };
    this.#begun = performance.now();
  }

  add({ count, bytes }: Amount): void {
    this.#done.count += count;
    this.#done.bytes += bytes;
    this.#show(this.#describe());
  }

  /** Leaves the line, so that the next output has one of its own. */
  end(): void {
    if (this.#output.isTTY === true) this.#output.write('\r\x1b[K');
  }

  #show(text: string): void {
    const isTerminal = this.#output.isTTY === true;
    const now = performance.now();
    if (now - this.#shownAt < (isTerminal ? TERMINAL_MS : LOG_MS)) return;
    this.#shownAt = now;
    this.#output.write(isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
  }

  #describe(): string {
    const seconds = (performance.now() - this.#begun) / 1000;
    const { count, bytes } = this.#done;
    const left = Math.max(this.#total.bytes - bytes, 0);
    const eta = bytes > 0 ? `, about ${formatSeconds((left / bytes) * seconds)} left` : '';
    return (
      `${this.#what}: ${count} of ${this.#total.count}, ${formatBytes(bytes)} of ` +
      `${formatBytes(this.#total.bytes)}, ${formatBytes(Math.round(bytes / seconds))}/s${eta}`
    );
  }
}

export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
