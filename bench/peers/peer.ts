import type { StoredRepository } from '../world.ts';

export const peerNames = ['us', 'distribution', 'docker-registry', 'zot'] as const;
export type PeerName = (typeof peerNames)[number];

export type Action = 'pull' | 'push';

/** A registry under measurement, running on loopback. */
export interface Peer {
  name: PeerName;
  /** Name and version, for the report. */
  title: string;
  /** What it does before it acknowledges a push, and how its requests are authorised. */
  remark: string;
  port: number;
  /** The process it was started as; what it starts itself are its descendants. */
  pid: number;
  /** Values of the Authorization header, one for each repository; undefined where the peer runs open. */
  authorize(repositories: string[], actions: Action[]): Promise<(string | undefined)[]>;
  /** The same for the catalog. */
  authorizeCatalog(): Promise<string | undefined>;
  /** Stores repositories without the API. Called while there is no load. */
  seed(repositories: Iterable<StoredRepository>): Promise<void>;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** A folder of its own. */
  folder: string;
  binary: string;
}

/** What only our own server is asked for. */
export interface Us extends Peer {
  account: { username: string; password: string };
  /** Stops and starts it on the same data; answers the seconds until `isReady` says so. */
  restart(isReady: () => Promise<boolean>): Promise<number>;
}

export const isUs = (peer: Peer): peer is Us => peer.name === 'us';
