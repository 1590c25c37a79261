import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync } from 'node:fs';

const LIMIT_BYTES = 8 * 1024 * 1024;
const CHECK_EVERY_MS = 60_000;

/** The file PostgreSQL writes its messages to, kept under twice 8 MB. */
export class LogFile {
  readonly path: string;
  #timer: NodeJS.Timeout;

  constructor(path: string) {
    this.path = path;
    this.#rotate();
    this.#timer = setInterval(() => this.#rotate(), CHECK_EVERY_MS).unref();
  }

  /** For a child's output: opened for appending, so that cutting the file under it does no harm. */
  open(): number {
    return openSync(this.path, 'a', 0o600);
  }

  sizeBytes(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** What was written after `startBytes`, at most the last 4 KB of it. */
  since(startBytes: number): string {
    const size = this.sizeBytes();
    const from = Math.max(startBytes, size - 4096);
    if (size <= from) return '';
    const handle = openSync(this.path, 'r');
    const buffer = Buffer.alloc(size - from);
    readSync(handle, buffer, 0, buffer.length, from);
    closeSync(handle);
    return buffer.toString().trim();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #rotate(): void {
    try {
      if (this.sizeBytes() < LIMIT_BYTES) return;
      copyFileSync(this.path, `${this.path}.1`);
      truncateSync(this.path);
    } catch {
      // The disk may be full; it is tried again.
    }
  }
}
