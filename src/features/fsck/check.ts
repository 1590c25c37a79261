import type { Platform } from '../../platform/index.ts';
import type { Finding } from './finding.ts';

export interface FsckOptions {
  /** Reads all bytes and compares them with their digests. */
  verify: boolean;
  repair: boolean;
  /** Bytes a second that are read at most. */
  rate?: number;
  /** Blobs up to this id were verified before. */
  after?: number;
}

/** What was looked at. */
export interface Figures {
  blobs: number;
  blob_bytes: number;
  /** Files or objects, and multipart uploads that have not ended. */
  pieces: number;
  piece_bytes: number;
  /** Pieces that nothing refers to yet. */
  young_pieces: number;
  uploads: number;
  verified_blobs: number;
  verified_bytes: number;
  /** The blob up to which all were verified, in the order of ids. */
  verified_up_to: number;
  verified_manifests: number;
  findings: number;
  repaired: number;
}

export interface Progress {
  what: string;
  done: number;
  total: number;
}

/** What each part of fsck works with. */
export interface Check extends Pick<Platform, 'db' | 'storage' | 'config'> {
  options: FsckOptions;
  signal: AbortSignal;
  figures: Figures;
  found(finding: Finding): void;
  progress(progress: Progress): void;
  /** The ids of blobs that were found to be without their bytes: there is nothing to verify. */
  bad: Set<number>;
}
