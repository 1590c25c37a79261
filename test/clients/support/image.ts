import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { rootFileSystem } from '../../../scripts/clients/make-images.ts';
import { run } from './command.ts';
import { endWithTests } from './ending.ts';
import { makeFolder } from './folder.ts';

const buildScript = join(import.meta.dirname, '../../../scripts/image/build.ts');
const BASE = 'localhost/roadstead-test/base:1';

export interface BuiltImage {
  /** The digest of its configuration, and so of all that is in it. */
  id: string;
  archive: string;
}

/** Builds images of Roadstead as `npm run image` does, on a base of our own, in a storage of our own. */
export async function startImageBuilder() {
  const folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  const storage = { driver: 'vfs', graphroot: at('storage'), runroot: at('run') };
  const lines = Object.entries(storage).map(([key, value]) => `${key} = "${value}"`);
  writeFileSync(at('storage.conf'), ['[storage]', ...lines].join('\n'));
  const env = { CONTAINERS_STORAGE_CONF: at('storage.conf'), BUILDAH_ISOLATION: 'chroot' };
  const container = await run('buildah', ['from', 'scratch'], { env });
  await run('buildah', ['add', '--quiet', container, rootFileSystem, '/'], { env });
  await run('buildah', ['commit', '--quiet', container, BASE], { env });

  return {
    async build(tag: string, given: NodeJS.ProcessEnv = {}): Promise<BuiltImage> {
      const archive = at(`${tag.split(':')[1]}.tar`);
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [buildScript, '--base', BASE, '--tag', tag, '--output', archive],
        { env: { ...process.env, ...env, ...given }, maxBuffer: 1e8 },
      );
      const id = /is (sha256:[0-9a-f]{64})/.exec(stdout)?.[1];
      if (id === undefined) throw new Error(stdout);
      return { id, archive };
    },
    stop: () => folder.stop(),
  };
}

/** Lets containers reach a port of this machine's loopback address; answers the port for them. */
export async function openToContainers(url: string): Promise<number> {
  const { hostname: host, port } = new URL(url);
  const server = createServer((inside) => {
    const outside = connect({ host, port: Number(port) });
    const end = () => {
      inside.destroy();
      outside.destroy();
    };
    inside.on('error', end).pipe(outside.on('error', end)).pipe(inside);
  }).listen(0, '0.0.0.0');
  await once(server, 'listening');
  endWithTests(async () => void server.close());
  return (server.address() as { port: number }).port;
}
