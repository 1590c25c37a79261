import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { refused, run } from './command.ts';
import type { Folder } from './folder.ts';
import { makeFolder } from './folder.ts';
import type { Account } from './server.ts';

/** podman or buildah with a storage of its own: no daemon, plain HTTP to the registry. */
export interface ContainerTool {
  run(...args: string[]): Promise<string>;
  refused(...args: string[]): Promise<string>;
  login(address: string, account: Account): Promise<string>;
  logout(address: string): Promise<string>;
  /** The digest of an image's configuration: the same here and there means the same image. */
  idOf(image: string): Promise<string>;
  /** Makes an image of one file; gives its name. */
  makeImage(name: string, content: string): Promise<string>;
  folder: Folder;
  stop(): Promise<void>;
}

/** These commands speak to a registry, and must be told that it has no certificate. */
const REMOTE = new Set(['build', 'from', 'login', 'pull', 'push', 'search']);
const REMOTE_MANIFEST = new Set(['add', 'push']);

export async function startContainerTool(name: 'podman' | 'buildah'): Promise<ContainerTool> {
  const folder = await makeFolder();
  const { env, path } = folder;
  const storage = ['--root', join(path, 'root'), '--runroot', join(path, 'run')];
  const flags = [...storage, '--storage-driver', 'vfs'];

  function full(args: string[]): string[] {
    const [command = '', second = ''] = args;
    if (REMOTE.has(command)) return [...flags, command, '--tls-verify=false', ...args.slice(1)];
    if (command === 'manifest' && REMOTE_MANIFEST.has(second)) {
      return [...flags, command, second, '--tls-verify=false', ...args.slice(2)];
    }
    return [...flags, ...args];
  }

  const tool = (...args: string[]) => run(name, full(args), { env });
  return {
    folder,
    run: tool,
    refused: (...args) => refused(name, full(args), { env }),
    login: (address, { username, password }) => {
      const args = ['login', '-u', username, '--password-stdin', address];
      return run(name, full(args), { env, input: password });
    },
    logout: (address) => tool('logout', address),
    async idOf(image) {
      const format = name === 'podman' ? '{{.Id}}' : '{{.FromImageID}}';
      return tool('inspect', '--type', 'image', '--format', format, image);
    },
    async makeImage(name, content) {
      const file = join(path, 'content');
      writeFileSync(file, content);
      const container = await run('buildah', [...flags, 'from', 'scratch'], { env });
      await run('buildah', [...flags, 'copy', container, file, '/content'], { env });
      await run('buildah', [...flags, 'commit', '--rm', container, name], { env });
      return name;
    },
    async stop() {
      if (name === 'buildah') await tool('rm', '--all');
      await folder.stop();
    },
  };
}
