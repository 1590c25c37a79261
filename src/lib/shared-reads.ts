/**
 * Joins reads of the same thing: while one is under way, and as long as anybody still holds what it gave, others
 * get the same object. It keeps nothing by itself.
 */
export class SharedReads<Value extends object> {
  readonly #running = new Map<string, Promise<Value | undefined>>();
  readonly #held = new Map<string, WeakRef<Value>>();
  readonly #dropped = new FinalizationRegistry<string>((key) => {
    if (this.#held.get(key)?.deref() === undefined) this.#held.delete(key);
  });

  async read(key: string, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const held = this.#held.get(key)?.deref();
    if (held !== undefined) return held;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = read().finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    const value = await started;
    if (value !== undefined) {
      this.#held.set(key, new WeakRef(value));
      this.#dropped.register(value, key);
    }
    return value;
  }
}
