import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { RunOptions } from './command.ts';
import { refused, run } from './command.ts';
import type { Folder } from './folder.ts';
import { makeFolder } from './folder.ts';
import { pathOf } from './needs.ts';
import { startDaemon } from './processes.ts';
import type { Account } from './server.ts';

/** A docker daemon of our own, without networks, and a person who types docker commands. */
export interface Docker {
  run(args: string[], options?: RunOptions): Promise<string>;
  refused(args: string[], options?: RunOptions): Promise<string>;
  login(address: string, account: Account): Promise<string>;
  logout(address: string): Promise<string>;
  /** Makes an image of one file; gives its name. */
  makeImage(name: string, content: string | Buffer): Promise<string>;
  /** The digest of an image's configuration: the same here and there means the same image. */
  idOf(name: string): Promise<string>;
  folder: Folder;
  stop(): Promise<void>;
}

export async function startDocker(): Promise<Docker> {
  const folder = await makeFolder();
  const at = (name: string) => join(folder.path, name);
  const env = { ...folder.env, DOCKER_HOST: `unix://${at('docker.sock')}` };
  const daemon = await startDaemon(pathOf('dockerd'), dockerdOptions(at, env.DOCKER_HOST), {
    env: { PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` },
    timeoutMs: 60_000,
    isReady: async () => (await run('docker', ['info'], { env })) !== '',
  });
  const docker = (args: string[], options?: RunOptions) =>
    run('docker', args, { ...options, env: { ...env, ...options?.env } });

  return {
    folder,
    run: docker,
    refused: (args, options) => refused('docker', args, { env, ...options }),
    login: (address, { username, password }) =>
      docker(['login', '-u', username, '--password-stdin', address], { input: password }),
    logout: (address) => docker(['logout', address]),
    async makeImage(name, content) {
      writeFileSync(at('content'), content);
      execFileSync('tar', ['-C', folder.path, '-cf', at('content.tar'), 'content']);
      await docker(['import', at('content.tar'), name]);
      return name;
    },
    idOf: (name) => docker(['image', 'inspect', '--format', '{{.Id}}', name]),
    async stop() {
      await daemon.stop();
      await folder.stop();
    },
  };
}

function dockerdOptions(at: (name: string) => string, host: string): string[] {
  return [
    `--host=${host}`,
    `--data-root=${at('docker-data')}`,
    `--exec-root=${at('docker-exec')}`,
    `--pidfile=${at('docker.pid')}`,
    '--storage-driver=vfs',
    '--iptables=false',
    '--ip6tables=false',
    '--bridge=none',
  ];
}
