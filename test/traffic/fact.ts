/** What somebody may expect to find: what was acknowledged last, and what may have come of requests without an answer. */
export class Fact<T> {
  #possible: Set<T>;
  #isCertain = true;

  constructor(value: T) {
    this.#possible = new Set([value]);
  }

  /** No request about it is lost that may still come into effect. */
  get isCertain(): boolean {
    return this.#isCertain;
  }

  is(value: T): boolean {
    return this.#isCertain && this.#possible.has(value);
  }

  allows(value: T): boolean {
    return this.#possible.has(value);
  }

  /** The server said so. */
  become(value: T): void {
    this.#possible = new Set([value]);
  }

  /** The server was asked for it, and its answer was lost; or nobody knows what it was before. */
  mayBecome(value: T): void {
    this.#possible.add(value);
    this.#isCertain = false;
  }

  /** What brings it back to what it is now. */
  remember(): Effect {
    const [value] = this.#possible;
    return this.#isCertain ? effect(this, value!) : () => {};
  }

  toString(): string {
    return [...this.#possible].join(' or ');
  }
}

/** What a request changes: told when it was acknowledged, or when its answer was lost. */
export type Effect = (isAcknowledged: boolean) => void;

export function effect<T>(fact: Fact<T>, value: T): Effect {
  return (isAcknowledged) => (isAcknowledged ? fact.become(value) : fact.mayBecome(value));
}

/** The same where it changes only what was `from`. */
export function effectFrom<T>(fact: Fact<T>, from: T, value: T): Effect {
  return fact.is(from) ? effect(fact, value) : () => fact.mayBecome(value);
}
