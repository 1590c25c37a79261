/** Finds the generators and the peers, and gets those that can be installed on this machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { binFolder, findOnPath } from '../scripts/clients/catalogue.ts';
import type { PeerName } from './peers/peer.ts';

const DISTRIBUTION = 'github.com/distribution/distribution/v3/cmd/registry@v3.1.2';

export function requireWrk(): void {
  if ((findOnPath('wrk') ?? installDebian('wrk')) === undefined) {
    throw new Error('wrk is needed: apt-get install wrk');
  }
}

/** The peer's program; undefined when it is not on this machine and can't be had. */
export function findPeer(name: PeerName): string | undefined {
  switch (name) {
    case 'us':
      return process.execPath;
    case 'distribution':
      return findDistribution();
    case 'docker-registry':
      return findOnPath('docker-registry') ?? installDebian('docker-registry');
    case 'zot':
      return undefined;
    default:
      return name satisfies never;
  }
}

function findDistribution(): string | undefined {
  const built = join(binFolder, 'registry');
  if (existsSync(built)) return built;
  const go = findOnPath('go');
  if (go === undefined) return undefined;
  console.log(`building ${DISTRIBUTION} …`);
  mkdirSync(binFolder, { recursive: true });
  const env = { GOBIN: binFolder, GOFLAGS: '-p=2 -buildvcs=false', CGO_ENABLED: '0' };
  execFileSync(go, ['install', DISTRIBUTION], {
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  return built;
}

function installDebian(name: string): string | undefined {
  if (process.getuid?.() !== 0 || findOnPath('apt-get') === undefined) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const args = ['-qy', 'install', '--no-install-recommends', name];
  try {
    execFileSync('apt-get', args, { env, stdio: 'inherit' });
  } catch {
    return undefined;
  }
  return findOnPath(name);
}
