import { randomUUID } from 'node:crypto';

import {
  makeConfig,
  makeManifest,
  MANIFEST_TYPE,
  pseudoRandom,
  toContent,
  type Content,
} from '../world.ts';
import type { Body, Connection } from './connection.ts';

const LAYERS = 3;
const LAYER_BYTES = 4096;
const CONFIG_BYTES = 1024;

/** A connection with the right to push to one repository. */
export interface Pusher {
  connection: Connection;
  repository: string;
  authorization: string | undefined;
}

/** OCI 1.1 §pushing-blobs: POST, then PUT of all bytes. Peers may answer with a whole URL. */
export async function pushBlob(
  { connection, repository, authorization }: Pusher,
  digest: string,
  body: Body | Buffer,
): Promise<void> {
  const post = `/v2/${repository}/blobs/uploads/`;
  const { headers } = await connection.expect(202, 'POST', post, { authorization });
  const location = headers.get('location')!.replace(/^https?:\/\/[^/]+/, '');
  const put = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
  const type = 'application/octet-stream';
  await connection.expect(201, 'PUT', put, { authorization, type, body });
}

export async function pushManifest(
  { connection, repository, authorization }: Pusher,
  reference: string,
  manifest: Content,
): Promise<void> {
  const path = `/v2/${repository}/manifests/${reference}`;
  await connection.expect(201, 'PUT', path, {
    authorization,
    type: MANIFEST_TYPE,
    body: manifest.bytes,
  });
}

/** An image that nobody has seen yet. */
export async function pushImage(pusher: Pusher): Promise<void> {
  const seed = randomUUID();
  const layers = Array.from({ length: LAYERS }, (_, n) =>
    toContent(pseudoRandom(`${seed} ${n}`, LAYER_BYTES)),
  );
  const config = makeConfig(seed, CONFIG_BYTES);
  for (const { digest, bytes } of [...layers, config]) await pushBlob(pusher, digest, bytes);
  await pushManifest(pusher, seed, makeManifest(config, layers, seed));
}
