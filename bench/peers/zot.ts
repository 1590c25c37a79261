import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { MANIFEST_TYPE, type StoredRepository } from '../world.ts';
import { answersV2, findFreePort, startDaemon } from './daemon.ts';
import type { Peer, StartOptions } from './peer.ts';

/** A zot that somebody built by hand. */
export async function startZot({ folder, binary }: StartOptions): Promise<Peer> {
  const port = await findFreePort();
  const storage = join(folder, 'storage');
  const config = join(folder, 'config.json');
  mkdirSync(storage, { recursive: true });
  writeFileSync(config, JSON.stringify(makeConfig(storage, port)));
  const daemon = await startDaemon(binary, ['serve', config], {
    errorFile: join(folder, 'errors.log'),
    isReady: () => answersV2(port),
  });
  return {
    name: 'zot',
    title: `zot ${readVersion(binary)}`,
    remark: 'open; its option `commit` is on: syncs files before it answers, not their folders',
    port,
    pid: daemon.pid,
    authorize: async (repositories) => repositories.map(() => undefined),
    authorizeCatalog: async () => undefined,
    seed: async (repositories) => writeImageLayouts(storage, repositories),
    stop: () => daemon.stop(),
  };
}

const makeConfig = (storage: string, port: number) => ({
  distSpecVersion: '1.1.1',
  storage: { rootDirectory: storage, dedupe: false, gc: false, commit: true },
  http: { address: '127.0.0.1', port: String(port) },
  log: { level: 'error', output: '/dev/null' },
});

function readVersion(binary: string): string {
  const { stdout, stderr } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return /"commit":"v?([^"]+)"/.exec(stdout + stderr)?.[1] ?? '(built by hand)';
}

/** Each repository is an image layout of the OCI; equal blobs are hard links, as it makes them itself. */
function writeImageLayouts(root: string, repositories: Iterable<StoredRepository>): void {
  const written = new Map<string, string>();
  for (const { name, blobs, manifests, tags } of repositories) {
    const folder = join(root, name);
    mkdirSync(`${folder}/blobs/sha256`, { recursive: true });
    writeFileSync(`${folder}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
    for (const { digest, bytes } of [...blobs, ...manifests]) {
      const path = `${folder}/blobs/sha256/${digest.slice(7)}`;
      const same = written.get(digest);
      if (existsSync(path)) continue;
      if (same === undefined) writeFileSync(path, bytes);
      else linkSync(same, path);
      written.set(digest, path);
    }
    const index = {
      schemaVersion: 2,
      manifests: tags.map(([tag, place]) => ({
        mediaType: MANIFEST_TYPE,
        digest: manifests[place]!.digest,
        size: manifests[place]!.bytes.length,
        annotations: { 'org.opencontainers.image.ref.name': tag },
      })),
    };
    writeFileSync(`${folder}/index.json`, JSON.stringify(index));
  }
}
