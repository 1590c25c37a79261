import { LruMap } from './lru-map.ts';

export interface RateLimitOptions {
  /** What each client may have in the long run. */
  perSecond: number;
  /** How long a client must rest to have the most at once: as much as this time gives. */
  burstSeconds: number;
  /** Clients that are remembered. Whoever came least recently is forgotten first. */
  maxClients: number;
}

/** How much each of many clients may have of something. Times are of a clock that only goes forward, in milliseconds. */
export class RateLimit {
  /** When what a client had would all have come at the steady rate. */
  readonly #paidAt: LruMap<string, number>;
  readonly #msEach: number;
  readonly #burstMs: number;

  constructor({ perSecond, burstSeconds, maxClients }: RateLimitOptions) {
    this.#paidAt = new LruMap(maxClients);
    this.#msEach = 1000 / perSecond;
    this.#burstMs = 1000 * burstSeconds;
  }

  /** How long the client has to wait for more; 0 when it may have some now. */
  waitMs(client: string, now: number): number {
    return Math.max(0, Math.round((this.#paidAt.get(client) ?? now) - now - this.#burstMs));
  }

  /** Counts what the client had. It may be more than it may have: then it waits until that is paid. */
  spend(client: string, amount: number, now: number): void {
    const paidAt = Math.max(this.#paidAt.get(client) ?? now, now);
    this.#paidAt.set(client, paidAt + amount * this.#msEach);
  }
}
