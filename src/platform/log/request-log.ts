import type { Bindings, ChildLoggerOptions, Level } from 'pino';

import type { Log } from './index.ts';

type Words = [object: unknown, message?: string];

/** The log of one request. The real one behind it is made when something is written: mostly never. */
export class RequestLog {
  readonly #log: Log;
  readonly #bindings: Bindings;
  #made: Log | undefined;

  constructor(log: Log, bindings: Bindings) {
    this.#log = log;
    this.#bindings = bindings;
  }

  get level(): string {
    return this.#log.level;
  }

  child(bindings: Bindings, options?: ChildLoggerOptions): Log {
    return this.#child().child(bindings, options) as Log;
  }

  trace(...words: Words): void {
    this.#write('trace', words);
  }

  debug(...words: Words): void {
    this.#write('debug', words);
  }

  info(...words: Words): void {
    this.#write('info', words);
  }

  warn(...words: Words): void {
    this.#write('warn', words);
  }

  error(...words: Words): void {
    this.#write('error', words);
  }

  fatal(...words: Words): void {
    this.#write('fatal', words);
  }

  silent(): void {}

  #child(): Log {
    this.#made ??= this.#log.child(this.#bindings);
    return this.#made;
  }

  #write(level: Level, [object, message]: Words): void {
    this.#child()[level](object, message);
  }
}
