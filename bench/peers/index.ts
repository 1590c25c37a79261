import { mkdirSync } from 'node:fs';

import { startDistribution } from './distribution.ts';
import type { Peer, PeerName, StartOptions } from './peer.ts';
import { startUs } from './us.ts';
import { startZot } from './zot.ts';

/** Starts a registry with nothing in it. */
export async function startPeer(name: PeerName, options: StartOptions): Promise<Peer> {
  mkdirSync(options.folder, { recursive: true });
  if (name === 'us') return startUs(options);
  return name === 'zot' ? startZot(options) : startDistribution(name, options);
}
