import pg from 'pg';

import { overloaded } from '../../lib/errors.ts';

type Callback = Parameters<pg.Pool['connect']>[0];

/** A pool that refuses whoever comes when too many wait for a connection: they would wait in vain. */
export class BoundedPool extends pg.Pool {
  readonly #maxWaiting: number;

  constructor({ maxWaiting, ...options }: pg.PoolConfig & { maxWaiting: number }) {
    super(options);
    this.#maxWaiting = maxWaiting;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<pg.PoolClient> | void {
    // Whoever can have a connection waits for it, too, until the end of this turn.
    const free = this.options.max - this.totalCount + this.idleCount;
    if (this.waitingCount - free < this.#maxWaiting) {
      return callback === undefined ? super.connect() : super.connect(callback);
    }
    const refusal = overloaded('queries');
    if (callback === undefined) return Promise.reject(refusal);
    process.nextTick(callback, refusal, undefined, () => {});
  }
}
