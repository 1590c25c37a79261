import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Victim } from '../server/support/killing.ts';
import { findChildren, listDescendants, waitFor } from '../server/support/program.ts';
import type { Traffic } from '../traffic/index.ts';

const LOOK_MS = 5000;
const SHOW_MS = 60_000;

/** What is done, and what memory it takes. */
export class Figures {
  readonly #victim: Victim;
  readonly #traffics: Traffic[];
  readonly #begin = performance.now();
  readonly #memory: number[] = [];
  #lookedAt = -Infinity;
  #shownAt = -Infinity;

  constructor(victim: Victim, traffics: Traffic[]) {
    this.#victim = victim;
    this.#traffics = traffics;
  }

  async watchFor(ms: number): Promise<void> {
    for (const until = performance.now() + ms; performance.now() < until; await sleep(200)) {
      const now = performance.now();
      if (now - this.#lookedAt > LOOK_MS) {
        this.#memory.push(this.#measure().all);
        this.#lookedAt = now;
      }
      if (now - this.#shownAt > SHOW_MS) {
        this.show();
        this.#shownAt = now;
      }
    }
  }

  /** By how many percent the server's own processes grew, from the second quarter of all looks to the last. */
  growth(): number {
    const quarter = Math.max(1, Math.floor(this.#memory.length / 4));
    const mean = (looks: number[]) => looks.reduce((sum, bytes) => sum + bytes, 0) / looks.length;
    const before = mean(this.#memory.slice(quarter, 2 * quarter));
    return Math.round((mean(this.#memory.slice(-quarter)) / before - 1) * 100);
  }

  show(): void {
    const minute = ((performance.now() - this.#begin) / 60_000).toFixed(1);
    const { all, ...parts } = this.#measure();
    const memory = Object.entries(parts).map(([name, bytes]) => `${name} ${toMib(bytes)}`);
    const lost = this.#traffics.reduce((sum, traffic) => sum + traffic.lost(), 0);
    console.log(
      `minute ${minute}: MiB: ${toMib(all)} (${memory.join(', ')}); ${lost} answers lost`,
    );
    for (const traffic of this.#traffics) console.log(`  ${JSON.stringify(traffic.done())}`);
  }

  async requireProgress(after: string): Promise<void> {
    for (const { progress } of this.#traffics) {
      const before = progress();
      await waitFor(
        () => progress() > before + 10,
        180_000,
        () => `nothing goes on after ${after}: ${this.#victim.server().output().slice(-4000)}`,
      );
    }
  }

  /** Memory of the server's processes; shared pages of PostgreSQL are left out. */
  #measure() {
    const { pid } = this.#victim.server();
    const postgres = findChildren(pid, 'postgres').flatMap((main) => [
      main,
      ...listDescendants(main),
    ]);
    const parts = {
      primary: sumMemory([pid]),
      workers: sumMemory(findChildren(pid, 'worker')),
      jobs: sumMemory(findChildren(pid, 'jobs')),
      postgres: sumMemory(postgres),
    };
    return { ...parts, all: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
  }
}

const toMib = (bytes: number) => Math.round(bytes / 1024 ** 2);

function sumMemory(pids: number[]): number {
  return pids.reduce((sum, pid) => sum + findMemory(pid), 0);
}

function findMemory(pid: number): number {
  try {
    const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}
