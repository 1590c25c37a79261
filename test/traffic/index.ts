/** Clients that push, pull, delete and restore all at once, and know what the registry owes them. */
import { randomOf } from '../fuzz/random.ts';
import { Customer } from './customer.ts';
import { Wire } from './wire.ts';

export interface TrafficOptions {
  url: string;
  headers: Record<string, string>;
  customers: number;
  project: string;
  seed: number;
  isCollectedAtOnce?: boolean;
  hasNoTrash?: boolean;
}

export interface Traffic {
  /** How much was acknowledged. */
  progress(): number;
  /** What was acknowledged, by what it was. */
  done(): Record<string, number>;
  /** Requests of which nobody knows whether they were done. */
  lost(): number;
  /** What no server may do. */
  complaints(): string[];
  /** Resolves when nobody is at it any more. */
  stop(): Promise<void>;
  /** Reads every byte that was acknowledged and not deleted; nothing may be lost meanwhile. */
  check(): Promise<void>;
}

export function startTraffic({ url, headers, seed, ...options }: TrafficOptions): Traffic {
  const stopping = new AbortController();
  const wires = Array.from({ length: options.customers }, () => new Wire(url, headers));
  const customers = wires.map((wire, number) => {
    const random = randomOf(seed + number);
    return new Customer({ ...options, name: `c${number}`, wire, random });
  });
  const living = Promise.all(customers.map((customer) => customer.live(stopping.signal)));
  living.catch(() => {}); // whoever stops them gets it
  const lost = () => wires.reduce((sum, wire) => sum + wire.lost, 0);
  return {
    progress: () => customers.reduce((sum, { progress }) => sum + progress, 0),
    done() {
      const sums: Record<string, number> = {};
      for (const [what, count] of customers.flatMap(({ done }) => Object.entries(done))) {
        sums[what] = (sums[what] ?? 0) + count;
      }
      return sums;
    },
    lost,
    complaints: () => [
      ...customers.flatMap(({ complaints }) => complaints),
      ...wires.flatMap(({ faults }) => faults),
    ],
    async stop() {
      stopping.abort();
      await living;
    },
    async check() {
      const lostBefore = lost();
      await Promise.all(customers.map((customer) => customer.lookAtAll()));
      for (const wire of wires) wire.close();
      if (lost() > lostBefore) throw new Error(`${lost() - lostBefore} requests were not answered`);
    },
  };
}
