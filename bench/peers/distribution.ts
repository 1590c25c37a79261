import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { answersV2, findFreePort, startDaemon } from './daemon.ts';
import { writeDistributionLayout } from './distribution-layout.ts';
import type { Peer, StartOptions } from './peer.ts';

/** CNCF distribution, or Debian's docker-registry, which is its version 2.8. */
export async function startDistribution(
  name: 'distribution' | 'docker-registry',
  { folder, binary }: StartOptions,
): Promise<Peer> {
  const port = await findFreePort();
  const storage = join(folder, 'storage');
  const config = join(folder, 'config.yml');
  mkdirSync(storage, { recursive: true });
  writeFileSync(config, JSON.stringify(makeConfig(storage, port)));
  const daemon = await startDaemon(binary, ['serve', config], {
    env: { OTEL_TRACES_EXPORTER: 'none' },
    errorFile: join(folder, 'errors.log'),
    isReady: () => answersV2(port),
  });
  return {
    name,
    title: `${name} ${readVersion(binary)}`,
    remark:
      name === 'distribution'
        ? 'open; syncs files and folders before it answers'
        : 'open; syncs files before it answers, not their folders',
    port,
    pid: daemon.pid,
    authorize: async (repositories) => repositories.map(() => undefined),
    authorizeCatalog: async () => undefined,
    seed: async (repositories) => writeDistributionLayout(storage, repositories),
    stop: () => daemon.stop(),
  };
}

/** As its documentation recommends it for use, without the log lines and the work in the background. */
const makeConfig = (storage: string, port: number) => ({
  version: '0.1',
  log: { level: 'error', accesslog: { disabled: true } },
  storage: {
    cache: { blobdescriptor: 'inmemory' },
    filesystem: { rootdirectory: storage },
    delete: { enabled: true },
    maintenance: { uploadpurging: { enabled: false } },
  },
  http: { addr: `127.0.0.1:${port}`, secret: 'bench' },
  catalog: { maxentries: 100_000 },
  health: { storagedriver: { enabled: false } },
});

function readVersion(binary: string): string {
  const text = execFileSync(binary, ['--version'], { encoding: 'utf8' });
  return /v?(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? text.trim();
}
