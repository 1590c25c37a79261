export interface ByteRange {
  /** First byte. */
  start: number;
  /** Last byte, inclusive. */
  end: number;
}

/** How far an upload has come: what its next writer needs, in any process on any node. */
export interface Checkpoint {
  sizeBytes: number;
  /** The driver's own; null where the size says all. */
  state: string | null;
}

/** Nothing is there yet. */
export const BEGINNING: Checkpoint = { sizeBytes: 0, state: null };

/** Bytes that are whole. */
export interface FinishedBytes {
  /** Where they can be read from now on: the location of the writer, or one that nothing else uses. */
  location: string;
  sizeBytes: number;
  /** Locations that are of no use any more once this one is recorded. */
  left: string[];
  /** False: another writer has finished before, so only reading them tells what they are. */
  isCertain: boolean;
}

/**
 * Adds bytes to one location, in order. One writer at a time: the caller sees to it. They can be read when they
 * are finished, not before.
 */
export interface BlobWriter {
  /** The writer may keep the chunk until it is synced: it must not be changed after this. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when all that was written would survive a power cut; at no cost when nothing was. */
  sync(): Promise<Checkpoint>;
  /** The same when nothing follows. */
  finish(): Promise<FinishedBytes>;
  /** Gives back what the writer holds. What was not synced may be lost. */
  close(): Promise<void>;
}

/** Reads bytes of one location, in order. */
export interface BlobReader {
  /** The next bytes; none at the end. Good until the next call, which may use their memory again. */
  next(): Promise<Uint8Array>;
  /** Gives back what the reader holds, read to the end or not. */
  close(): Promise<void>;
}

/** What takes space in the store. */
export interface StoredBytes {
  /** As rows name it. */
  location: string;
  /** Where the writer was opened that these bytes are from: its checkpoints may need them. */
  writer: string;
  /** False: parts of an upload that has not ended, which nobody can read. */
  isFinished: boolean;
  /** Unfinished: 0. */
  sizeBytes: number;
  /** When they were written, or begun, by the store's clock. */
  changedAt: Date;
  /** What `remove` takes to remove these bytes and no others. Undefined: this driver made no such name. */
  removal: string | undefined;
}

/** What locations begin with: each shard can be listed on its own. */
export const SHARDS: readonly string[] = Array.from({ length: 256 }, (_, number) =>
  number.toString(16).padStart(2, '0'),
);

/** Where the bytes of blobs are. Every driver passes `adapter-suite.ts`. */
export interface BlobStorage {
  /** Makes what the driver needs. Every process calls it at start, before anything else, perhaps at once. */
  prepare(): Promise<void>;
  /** Whether the store answers. */
  isHealthy(): Promise<boolean>;
  /** A key that was never used and never will be again. */
  newLocation(): string;
  /** Opens `location` to add bytes behind a checkpoint; what lies beyond is dropped. 0 bytes: it is made. */
  openWriter(location: string, behind: Checkpoint): Promise<BlobWriter>;
  /**
   * Copies the first `sizeBytes` of a location to a new one, durably. Fails when there are fewer. Only where a
   * writer that lost its right can spoil bytes in front of a checkpoint, so that others need a copy.
   */
  copyPrefix?(from: string, to: string, sizeBytes: number): Promise<void>;
  /** Stores all bytes of a small blob at a new location. Resolves when they would survive a power cut. */
  writeWhole(location: string, bytes: Uint8Array): Promise<void>;
  /** Opens a part of a location. Fails when bytes of that part are missing. */
  openReader(location: string, range: ByteRange): Promise<BlobReader>;
  /** How many bytes are at a location that is finished; undefined: it is not there. */
  findSize(location: string): Promise<number | undefined>;

  /** All bytes of a small blob. */
  readWhole(location: string): Promise<Buffer>;
  /**
   * Gives finished bytes a second name, a path on this machine. False: that can't be, they have to be copied. Only
   * where they are files.
   */
  linkTo?(location: string, path: string): Promise<boolean>;
  /**
   * A URL under which this client may read a location by itself for some time; undefined: we send it the bytes.
   * Only where the store can serve clients.
   */
  findUrl?(location: string, clientAddress: string): Promise<string | undefined>;
  /** Removes a location, finished or not; or what a list named for removal. Absent counts as done. */
  remove(location: string): Promise<void>;

  /**
   * Everything whose location begins with this shard, page by page, in any order. What comes or goes meanwhile may be
   * in it or not; all else is, once. Parts that the store forgets by itself may be left out.
   */
  list(shard: string): AsyncIterable<StoredBytes>;

  /** Whether all bytes up to a checkpoint are there, so that a writer can go on behind them. Changes nothing. */
  holds(location: string, behind: Checkpoint): Promise<boolean>;
}
