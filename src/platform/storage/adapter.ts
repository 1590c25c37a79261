export interface ByteRange {
  /** First byte. */
  start: number;
  /** Last byte, inclusive. */
  end: number;
}

/** Adds bytes to one location, in order. One writer at a time: the caller sees to it. */
export interface BlobWriter {
  /** The writer may keep the chunk until it is synced: it must not be changed after this. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when all that was written would survive a power cut; at no cost when nothing was. */
  sync(): Promise<void>;
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

/** Where the bytes of blobs are. Every driver passes `adapter-suite.ts`. */
export interface BlobStorage {
  /** Makes what the driver needs. Every process calls it at start, before anything else, perhaps at once. */
  prepare(): Promise<void>;
  /** Whether the store answers. */
  isHealthy(): Promise<boolean>;
  /** How many bytes may still be stored; undefined when there is no limit that could be known. */
  findFreeBytes(): Promise<number | undefined>;
  /** A key that was never used and never will be again. */
  newLocation(): string;
  /** Opens `location` to add bytes behind the first `offsetBytes`; what lies beyond is dropped. Offset 0 makes it. */
  openWriter(location: string, offsetBytes: number): Promise<BlobWriter>;
  /** Copies the first `sizeBytes` of a location to a new one, durably. Fails when there are fewer. */
  copyPrefix(from: string, to: string, sizeBytes: number): Promise<void>;
  /** Opens a part of a location. Fails when bytes of that part are missing. */
  openReader(location: string, range: ByteRange): Promise<BlobReader>;
  /** All bytes of a small blob. */
  readWhole(location: string): Promise<Buffer>;
  /** Removes a location. Absent counts as done. */
  remove(location: string): Promise<void>;
}
