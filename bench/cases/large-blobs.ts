import { execFileSync } from 'node:child_process';

import { Connection } from '../load/connection.ts';
import { download } from '../load/download.ts';
import { LargeBodies } from '../load/large-body.ts';
import { pushBlob } from '../load/push.ts';
import type { Peer, PeerName } from '../peers/peer.ts';
import { PROJECT } from '../world.ts';
import type { Case, Context } from './case.ts';

const REPOSITORY = `${PROJECT}/large`;
const MEGABYTE = 1000 * 1000;
const LABELS = ['256 MB', '1 GB'] as const;
const NAMES = ['256m', '1g'] as const;

const bodies = new Map<number, LargeBodies>();
/** The blob of each size that was put last, to be read. */
const stored = new Map<string, string>();
const keyOf = (peer: PeerName, place: number) => `${peer} ${place}`;

async function put(peer: Peer, { sizes }: Context, place: 0 | 1): Promise<number> {
  const sizeBytes = sizes.largeBytes[place];
  const source = bodies.get(sizeBytes) ?? new LargeBodies(sizeBytes);
  bodies.set(sizeBytes, source);
  const body = source.next();
  const [authorization] = await peer.authorize([REPOSITORY], ['pull', 'push']);
  execFileSync('sync'); // nobody pays for what another one left to be written
  const connection = await Connection.open(peer.port);
  const begin = performance.now();
  await pushBlob({ connection, repository: REPOSITORY, authorization }, body.digest, body);
  const seconds = (performance.now() - begin) / 1000;
  connection.close();
  stored.set(keyOf(peer.name, place), body.digest);
  return sizeBytes / MEGABYTE / seconds;
}

async function get(
  peer: Peer,
  context: Context,
  { place, clients, times }: { place: 0 | 1; clients: number; times: number },
): Promise<number> {
  if (!stored.has(keyOf(peer.name, place))) await put(peer, context, place);
  const path = `/v2/${REPOSITORY}/blobs/${stored.get(keyOf(peer.name, place))}`;
  const [authorization] = await peer.authorize([REPOSITORY], ['pull', 'push']);
  const begin = performance.now();
  const sizes = await Promise.all(
    Array.from({ length: clients }, async () => {
      let bytes = 0;
      for (let n = 0; n < times; n += 1) {
        bytes += await download(peer.port, { method: 'GET', path, authorization });
      }
      return bytes;
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  return sizes.reduce((sum, bytes) => sum + bytes, 0) / MEGABYTE / seconds;
}

const places = [0, 1] as const;

const putCases: Case[] = places.map((place) => ({
  name: `put-${NAMES[place]}`,
  title: `PUT ${LABELS[place]} blob`,
  unit: 'MB/s',
  targets: { distribution: 1.4, zot: 1.2 },
  measure: (peer, context) => put(peer, context, place),
}));

const getCases: Case[] = places.flatMap((place) =>
  [1, 8].map((clients) => ({
    name: `get-${NAMES[place]}-${clients}`,
    title: `GET ${LABELS[place]} blob, ${clients === 1 ? 'one client' : `${clients} clients`}`,
    unit: 'MB/s',
    targets: { distribution: 1.25, zot: 1 },
    measure: (peer: Peer, context: Context) =>
      get(peer, context, { place, clients, times: clients === 1 && place === 0 ? 4 : 1 }),
  })),
);

export const largeBlobCases: Case[] = [...putCases, ...getCases];
