import type { Db } from '../db/connect.ts';
import { isDatabaseUnavailable } from '../db/errors.ts';
import type { Log } from '../log/index.ts';
import { insertOccurrences, type Counted, type Occurrence } from './store.ts';

const FLUSH_MS = 1000;

/**
 * How much is written of what happens often. Those like one that was written are counted for `quietMs`, and then written
 * as one. At most `most` are told apart at a time, and what comes above is one event for all: no flood of pulls or wrong
 * passwords fills the disk. Clients sign in with every request, hence the hour.
 */
const POLICIES = {
  'artifact.pulled': { quietMs: 0, most: 2000 },
  'user.signed_in': { quietMs: 3_600_000, most: 5000 },
  refused: { quietMs: 60_000, most: 50 },
};
const OTHERS = 'system:others';

interface Kind {
  occurrence: Occurrence;
  policy: keyof typeof POLICIES;
  /** It stands for all that were too many: its actor alone does not say so, clients name theirs as they like. */
  isOthers: boolean;
  /** Those that are not written yet. */
  count: number;
  quietUntil: number;
}

/** Keeps what happens often and changes nothing, pulls, sign-ins, refusals, and writes it in batches, once a second. */
export class Recorder {
  readonly #platform: { db: Db; log: Log };
  readonly #kinds = new Map<string, Kind>();
  readonly #numbers = new Map<Kind['policy'], number>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  readonly #alongside: (() => Promise<void>)[] = [];

  constructor(platform: { db: Db; log: Log }) {
    this.#platform = platform;
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS).unref();
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    for (const kind of this.#kinds.values()) kind.quietUntil = 0;
    await this.flush();
  }

  /** Has something else written whenever events are; it must not fail. */
  alongside(write: () => Promise<void>): void {
    this.#alongside.push(write);
  }

  record(occurrence: Occurrence): void {
    const policy = policyOf(occurrence);
    const number = this.#numbers.get(policy) ?? 0;
    const key = keyOf(occurrence);
    const kind = this.#kinds.get(key);
    if (kind !== undefined) {
      kind.count++;
    } else if (number < POLICIES[policy].most) {
      this.#kinds.set(key, { occurrence, policy, isOthers: false, count: 1, quietUntil: 0 });
      this.#numbers.set(policy, number + 1);
    } else {
      this.#countWithOthers(occurrence, policy);
    }
  }

  /** Writes one at once: when it is in the database, this resolves. */
  write(occurrence: Occurrence): Promise<void> {
    return insertOccurrences(this.#platform.db, [{ ...occurrence, count: 1 }]);
  }

  #countWithOthers({ type, result }: Occurrence, policy: Kind['policy']): void {
    const occurrence: Occurrence = { type, result, subject: {}, actor: OTHERS, client: '' };
    const key = `others ${keyOf(occurrence)}`;
    const others = this.#kinds.get(key) ?? {
      occurrence,
      policy,
      isOthers: true,
      count: 0,
      quietUntil: 0,
    };
    others.count++;
    this.#kinds.set(key, others);
  }

  flush(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  async #flushAll(): Promise<void> {
    await Promise.all([this.#flush(), ...this.#alongside.map((write) => write())]);
  }

  async #flush(): Promise<void> {
    const now = performance.now();
    const due = [...this.#kinds]
      .filter(([, { quietUntil }]) => quietUntil <= now)
      .map(([key, kind]) => ({ key, kind, count: kind.count }));
    const told = due.filter(({ count }) => count > 0);
    const isDone = await this.#insert(
      told.map(({ kind, count }) => ({ ...kind.occurrence, count })),
    );
    if (!isDone) return;
    for (const { key, kind, count } of due) {
      kind.count -= count; // more may have come meanwhile
      if (count > 0) kind.quietUntil = now + POLICIES[kind.policy].quietMs;
      if (kind.count === 0 && kind.quietUntil <= now) this.#forget(key, kind);
    }
  }

  /** Answers whether that was all that can be done about them. */
  async #insert(occurrences: Counted[]): Promise<boolean> {
    const { db, log } = this.#platform;
    try {
      if (occurrences.length > 0) await insertOccurrences(db, occurrences);
      return true;
    } catch (error) {
      const isLater = isDatabaseUnavailable(error);
      log[isLater ? 'warn' : 'error']({ err: error, isLater }, 'events not written');
      return !isLater;
    }
  }

  #forget(key: string, { policy, isOthers }: Kind): void {
    this.#kinds.delete(key);
    if (!isOthers) this.#numbers.set(policy, this.#numbers.get(policy)! - 1);
  }
}

const policyOf = ({ type, result }: Occurrence): Kind['policy'] =>
  type in POLICIES && result === undefined ? (type as keyof typeof POLICIES) : 'refused';

const keyOf = ({ type, result, projectId, subject, after, actor, client }: Occurrence): string =>
  JSON.stringify([type, result, projectId, subject, after, actor, client]);
