import type { DigestAlgorithm } from '../../oci/digest.ts';

/** To the thread that hashes. What is asked first is done first. */
export type ToHashThread =
  /** Adds the first bytes of the slab to a hash, which begins with its first bytes. The slab comes back. */
  | { type: 'update'; id: number; algorithm: DigestAlgorithm; slab: ArrayBuffer; sizeBytes: number }
  | { type: 'copy'; id: number; from: number }
  | { type: 'digest'; id: number; question: number }
  | { type: 'forget'; id: number };

export type FromHashThread = { slab: ArrayBuffer } | { question: number; digest: Uint8Array };
