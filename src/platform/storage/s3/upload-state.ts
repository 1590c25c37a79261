import type { Checkpoint } from '../adapter.ts';
import type { Bucket } from './bucket.ts';
import { endOfParts, partBytes } from './part-bytes.ts';
import { findPartial } from './stored-objects.ts';

/** What is in the bucket of an upload that has not ended. */
export interface UploadState {
  /** The multipart upload that the parts belong to. */
  uploadId?: string;
  /** Of its parts, in order. The end of the upload names them: a part that was changed since is refused. */
  etags: string[];
  /** The object with the bytes behind the parts. Such objects are written once, under a name of their own. */
  tail?: string;
  /** Tails that nothing needs any more, once this state is recorded. */
  old: string[];
}

export function writeState(sizeBytes: number, state: UploadState): Checkpoint {
  return { sizeBytes, state: JSON.stringify(state) };
}

export function readState(location: string, { sizeBytes, state }: Checkpoint): UploadState {
  const read: UploadState =
    state === null ? { etags: [], old: [] } : (JSON.parse(state) as UploadState);
  const parts = read.etags.length;
  const tailBytes = sizeBytes - endOfParts(parts);
  const isTail = tailBytes > 0 && tailBytes < partBytes(parts + 1);
  if (read.tail === undefined ? tailBytes !== 0 : !isTail) {
    throw new Error(`the state of ${location} does not hold ${sizeBytes} bytes`);
  }
  return read;
}

/** Whether the parts and the tail are there. Parts that were ended already, unrecorded, can be ended again. */
export async function holdsState(
  bucket: Bucket,
  location: string,
  checkpoint: Checkpoint,
): Promise<boolean> {
  const { uploadId, etags, tail } = readState(location, checkpoint);
  if (tail !== undefined) {
    const tailBytes = checkpoint.sizeBytes - endOfParts(etags.length);
    if ((await bucket.findSize(tail)) !== tailBytes) return false;
  }
  if (uploadId === undefined) return true;
  if ((await findPartial(bucket, location)).includes(uploadId)) return true;
  return (await bucket.findSize(location)) !== undefined;
}
