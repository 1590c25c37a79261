import { execFileSync } from 'node:child_process';

import { Connection } from '../load/connection.ts';
import { pushImage } from '../load/push.ts';
import type { Peer } from '../peers/peer.ts';
import { PROJECT } from '../world.ts';
import type { Case, Context } from './case.ts';

const CLIENTS = 16;

/** Each client pushes to a repository of its own until the time is over; every image has a new tag. */
async function measure(peer: Peer, { seconds }: Context): Promise<number> {
  const names = Array.from({ length: CLIENTS }, (_, n) => `${PROJECT}/push${n}`);
  const authorizations = await peer.authorize(names, ['pull', 'push']);
  execFileSync('sync');
  const begin = performance.now();
  const until = begin + seconds * 1000;
  let images = 0;
  await Promise.all(
    names.map(async (repository, n) => {
      const connection = await Connection.open(peer.port);
      const pusher = { connection, repository, authorization: authorizations[n] };
      while (performance.now() < until) {
        await pushImage(pusher);
        images += 1;
      }
      connection.close();
    }),
  );
  return images / ((performance.now() - begin) / 1000);
}

export const pushCases: Case[] = [
  {
    name: 'push',
    title: 'push of small images, 3 layers, 16 clients',
    unit: 'images/s',
    targets: { distribution: 2.3, zot: 1.5 },
    measure,
  },
];
