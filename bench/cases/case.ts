import type { Sizes } from '../options.ts';
import type { Peer, PeerName } from '../peers/peer.ts';

export interface Context {
  sizes: Sizes;
  seconds: number;
  /** For the generators' files. */
  folder: string;
}

/** One line of the table in the issue "Fast". */
export interface Case {
  name: string;
  title: string;
  unit: string;
  /** Fewer is better. */
  isLow?: true;
  /** What our value divided by the peer's must reach (where few is better: the peer's by ours). */
  targets?: Partial<Record<PeerName, number>>;
  /** What our own value must keep to. */
  limit?: number;
  /** What takes long to store and only some cases read. */
  needs?: 'many tags' | 'catalog';
  /** Nobody else has it. */
  onlyUs?: true;
  /** It can't be repeated or needs no repetition. */
  once?: true;
  /** Measured without a run before that does not count. */
  isCold?: true;
  measure(peer: Peer, context: Context): Promise<number>;
}
