import { overloaded, Refusal } from './errors.ts';

export interface Turn {
  /** Among owners one after the other has a turn, however many each has waiting. */
  owner: string;
  /** Whether nobody waits for the outcome any more: then it is not begun. */
  isGone(): boolean;
}

export interface FairQueue {
  /** Runs the work when its turn comes. Too many waiting are refused: the client may come again. */
  run<T>(turn: Turn, work: () => Promise<T>): Promise<T>;
}

interface Waiting {
  turn: Turn;
  begin(): void;
  giveUp(refusal: Refusal): void;
}

interface Limits {
  /** How much runs at once. */
  running: number;
  /** Of all owners. */
  waiting: number;
  waitingOfOwner: number;
}

export function createFairQueue({ running, waiting, waitingOfOwner }: Limits): FairQueue {
  let active = 0;
  let length = 0;
  /** The owner whose turn is next comes first. */
  const byOwner = new Map<string, Waiting[]>();

  function keep(owner: string, list: Waiting[]): void {
    if (list.length === 0) byOwner.delete(owner);
    else byOwner.set(owner, list);
  }

  function takeNext(): Waiting | undefined {
    for (const [owner, [next, ...rest]] of byOwner) {
      byOwner.delete(owner);
      keep(owner, rest); // behind all others
      length -= 1;
      if (!next!.turn.isGone()) return next;
      next!.giveUp(gone());
    }
    return undefined;
  }

  function dropGone(): void {
    for (const [owner, list] of byOwner) {
      const there = list.filter(({ turn }) => !turn.isGone());
      for (const { turn, giveUp } of list) if (turn.isGone()) giveUp(gone());
      length -= list.length - there.length;
      keep(owner, there);
    }
  }

  function requirePlace(owner: string): void {
    const isFull = () => length >= waiting || (byOwner.get(owner)?.length ?? 0) >= waitingOfOwner;
    if (isFull()) dropGone();
    if (isFull()) throw full(length >= waiting);
  }

  async function wait(turn: Turn): Promise<void> {
    requirePlace(turn.owner);
    const { promise, resolve: begin, reject: giveUp } = Promise.withResolvers<void>();
    keep(turn.owner, [...(byOwner.get(turn.owner) ?? []), { turn, begin, giveUp }]);
    length += 1;
    return promise;
  }

  return {
    async run(turn, work) {
      if (active >= running) await wait(turn);
      else active += 1;
      try {
        return await work();
      } finally {
        const next = takeNext();
        if (next === undefined) active -= 1;
        else next.begin();
      }
    },
  };
}

const gone = () => new Refusal('REQUEST_TIMEOUT', 'the client did not wait');

const full = (isForAll: boolean): Refusal =>
  isForAll
    ? overloaded('requests of this kind')
    : new Refusal(
        'TOOMANYREQUESTS',
        'too many requests of this kind are waiting for your network',
        {
          headers: { 'retry-after': '2' },
        },
      );
