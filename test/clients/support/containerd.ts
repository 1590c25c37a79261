import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { attempt, refused, run } from './command.ts';
import type { Folder } from './folder.ts';
import { makeFolder } from './folder.ts';
import { pathOf } from './needs.ts';
import { startDaemon } from './processes.ts';

/** A containerd of our own, and its command `ctr`. */
export interface Containerd {
  ctr(...args: string[]): Promise<string>;
  refused(...args: string[]): Promise<string>;
  folder: Folder;
  stop(): Promise<void>;
}

export async function startContainerd(): Promise<Containerd> {
  const folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  const config = `version = 2
root = "${at('root')}"
state = "${at('state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${at('containerd.sock')}"
`;
  writeFileSync(at('config.toml'), config);
  const options = ['--address', at('containerd.sock')];
  const daemon = await startDaemon(pathOf('containerd'), ['--config', at('config.toml')], {
    timeoutMs: 60_000,
    isReady: async () => (await attempt('ctr', [...options, 'version'])).code === 0,
  });
  return {
    folder,
    ctr: (...args) => run('ctr', [...options, ...args]),
    refused: (...args) => refused('ctr', [...options, ...args]),
    async stop() {
      await daemon.stop();
      await folder.stop();
    },
  };
}
