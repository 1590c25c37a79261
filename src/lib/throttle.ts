import { setTimeout } from 'node:timers/promises';

/** Lets no more through than so many units a second, whoever and how many take them. */
export class Throttle {
  readonly #perSecond: number;
  #freeAt = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Resolves when these units may be used. */
  async take(units: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const startAt = Math.max(now, this.#freeAt);
    this.#freeAt = startAt + (units / this.#perSecond) * 1000;
    if (startAt > now) await setTimeout(startAt - now, undefined, { signal });
  }
}
