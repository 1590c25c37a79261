/** Sees to it that every peer does the work it is measured at. */
import { Connection } from './load/connection.ts';
import { pushBlob, pushManifest } from './load/push.ts';
import type { Sizes } from './options.ts';
import type { Peer } from './peers/peer.ts';
import {
  configOf,
  MANY,
  MANIFEST_TYPE,
  manifestOf,
  pushedRepository,
  repositoryName,
  tagName,
  type Content,
} from './world.ts';

/** Pushes a repository through the API and reads all of it back. */
export async function verifyPush(peer: Peer): Promise<void> {
  const { name: repository, blobs, manifests, tags } = pushedRepository();
  const [authorization] = await peer.authorize([repository], ['pull', 'push']);
  const connection = await Connection.open(peer.port);
  const pusher = { connection, repository, authorization };
  for (const { digest, bytes } of blobs) await pushBlob(pusher, digest, bytes);
  for (const [tag, place] of tags) await pushManifest(pusher, tag, manifests[place]!);
  connection.close();
  for (const blob of blobs) {
    await requireBytes(peer, { repository, path: `blobs/${blob.digest}`, content: blob });
  }
  for (const [tag, place] of tags) {
    const content = manifests[place]!;
    await requireBytes(peer, { repository, path: `manifests/${tag}`, content });
  }
}

/** Reads samples of what was stored without the API. */
export async function verifySeed(peer: Peer, { repositories, tags, manyTags }: Sizes) {
  for (const index of [0, repositories >> 1, repositories - 1]) {
    const repository = repositoryName(index);
    const blob = configOf(repository);
    await requireBytes(peer, { repository, path: `blobs/${blob.digest}`, content: blob });
    const content = manifestOf(repository, tags - 1);
    const { digest } = content;
    for (const reference of [tagName(tags - 1), digest]) {
      await requireBytes(peer, { repository, path: `manifests/${reference}`, content });
    }
  }
  const content = manifestOf(MANY, (manyTags - 1) % 10);
  const path = `manifests/${tagName(manyTags - 1)}`;
  await requireBytes(peer, { repository: MANY, path, content });
}

async function requireBytes(
  peer: Peer,
  wanted: { repository: string; path: string; content: Content },
): Promise<void> {
  const { repository, path, content } = wanted;
  const [authorization] = await peer.authorize([repository], ['pull']);
  const url = `http://127.0.0.1:${peer.port}/v2/${repository}/${path}`;
  const headers: Record<string, string> = { accept: MANIFEST_TYPE };
  if (authorization !== undefined) headers['authorization'] = authorization;
  for (const method of ['GET', 'HEAD']) {
    const reply = await fetch(url, { method, headers });
    const bytes = Buffer.from(await reply.arrayBuffer());
    const isRight =
      reply.status === 200 &&
      Number(reply.headers.get('content-length')) === content.bytes.length &&
      (method === 'HEAD' || bytes.equals(content.bytes));
    if (isRight) continue;
    throw new Error(`${peer.name}: ${method} ${url}: ${reply.status} ${bytes.toString()}`);
  }
}
