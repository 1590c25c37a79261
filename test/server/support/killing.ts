import { once } from 'node:events';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';

import {
  findChildren,
  killAll,
  listDescendants,
  startServer,
  type Server,
  type ServerOptions,
} from './program.ts';

/** A server that is killed again and again, and started again at the same place when nothing else would. */
export interface Victim {
  url: string;
  server(): Server;
  kill(what: Kill): Promise<void>;
  /** As its administrator does it. */
  restart(): Promise<void>;
}

export type Kill =
  | 'worker'
  | 'jobs worker'
  | 'postgres'
  | 'process of postgres'
  | 'primary'
  | 'everything';

export async function startVictim(t: TestContext, options: ServerOptions): Promise<Victim> {
  const env = { ...options.env, ROADSTEAD_PORT: String(await findQuietPort()) };
  let server = await startServer(t, { ...options, env });
  const { data, url } = server;

  /** There may be none: it has just ended, or is being started again. */
  const killOne = (pids: number[]) => killAll(pids.slice(0, 1));

  async function startAgain(): Promise<void> {
    await server.ended;
    server = await startServer(t, { ...options, data, env });
  }

  return {
    url,
    server: () => server,
    async kill(what) {
      const { pid } = server;
      switch (what) {
        case 'worker':
          return killOne(findChildren(pid, 'worker'));
        case 'jobs worker':
          return killOne(findChildren(pid, 'jobs'));
        case 'postgres':
          return killOne(findChildren(pid, 'postgres'));
        case 'process of postgres':
          return killOne(findChildren(pid, 'postgres').flatMap(listDescendants).toReversed());
        case 'primary':
          killAll([pid]);
          break;
        case 'everything':
          killAll([pid, ...listDescendants(pid)]);
          break;
        default:
          what satisfies never;
      }
      await startAgain();
    },
    async restart() {
      server.signal('SIGTERM');
      await startAgain();
    },
  };
}

/**
 * A free port of those that the system gives to nobody by itself: a client that asks for one of these again and
 * again, while nobody listens there, is connected with itself at last.
 */
export async function findQuietPort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    probe.close();
    if (isFree) return port;
  }
}
