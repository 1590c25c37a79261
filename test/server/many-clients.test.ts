import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { startExternalPostgres } from './support/external-postgres.ts';
import { beginDownload, beginUpload, digestOf, pushBlob, pushImage } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  onEnd,
  startServer,
  startWithDatabase,
  temporaryFolder,
} from './support/program.ts';

const MOVES = 2000;
const MOVERS = 8;
const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const admin = authorization(ADMIN_PASSWORD);

const manifestUrl = (url: string, tag: string) => `${url}/v2/library/app/manifests/${tag}`;

/** Two manifests over the same config, by their digests. */
async function makeManifests(url: string): Promise<[string, string][]> {
  const config = await pushBlob(url, 100);
  return ['a', 'b'].map((name) => {
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPE,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 100 },
      layers: [],
      annotations: { name },
    });
    return [digestOf(Buffer.from(text)), text];
  });
}

/** Where a tag points, as `url` says; the answer is read whole, for the connection to be used again. */
async function findDigest(url: string, tag: string, method: string): Promise<string | null> {
  const reply = await fetch(manifestUrl(url, tag), { method, headers: admin });
  await reply.arrayBuffer();
  return reply.headers.get('docker-content-digest');
}

test('once a push is acknowledged, every worker of every node serves what it pushed', async (t) => {
  const postgres = await startExternalPostgres(t);
  const data = join(temporaryFolder(t), 'data');
  const env = {
    DATABASE_URL: postgres.url(),
    ROADSTEAD_SECRET_KEY: 'k'.repeat(40),
    ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD,
    ROADSTEAD_WORKERS: '2',
    ROADSTEAD_LOG_REQUESTS: 'none',
  };
  const nodes = [await startServer(t, { data, env }), await startServer(t, { data, env })];
  const manifests = await makeManifests(nodes[0]!.url);
  const misses: string[] = [];

  const moveTag = async (mover: number) => {
    for (let move = mover; move < MOVES; move += MOVERS) {
      const tag = `moving-${mover}`;
      const [digest, body] = manifests[Math.floor(move / MOVERS) % 2]!;
      const headers = { ...admin, 'content-type': TYPE };
      const pushed = await fetch(manifestUrl(nodes[move % 2]!.url, tag), {
        method: 'PUT',
        headers,
        body,
      });
      await pushed.arrayBuffer();
      assert.equal(pushed.status, 201);
      const method = move % 3 === 0 ? 'GET' : 'HEAD';
      const seen = await Promise.all(nodes.map(({ url }) => findDigest(url, tag, method)));
      if (seen.some((found) => found !== digest)) misses.push(`${move}: ${seen.join(', ')}`);
    }
  };
  await Promise.all(Array.from({ length: MOVERS }, (_, mover) => moveTag(mover)));

  assert.deepEqual(misses, []);
});

test('hundreds of clients that stall in uploads and downloads hold up nobody else', async (t) => {
  const server = await startWithDatabase(t, { env: { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD } });
  const large = await pushBlob(server.url, 20_000_000);
  const downloads = await Promise.all(
    Array.from({ length: 150 }, () => beginDownload(server.url, large)),
  );
  const uploads = await Promise.all(
    Array.from({ length: 150 }, () => beginUpload(server.url, 200_000)),
  );
  for (const { request } of [...downloads, ...uploads]) onEnd(t, () => request.destroy());

  const [config] = await pushImage(server.url, 'latest');
  const found = await findDigest(server.url, 'latest', 'GET');
  const slow = uploads[0]!;

  assert.ok(config !== undefined && found !== null);
  assert.equal(await slow.finish(), 201);
  assert.equal(await downloads[0]!.finish(), large);
});
