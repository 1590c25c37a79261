import { randomBytes } from 'node:crypto';

import { Refusal } from '../../../lib/errors.ts';
import type { BlobWriter, Checkpoint, FinishedBytes } from '../adapter.ts';
import { readAll } from '../read-all.ts';
import { nameOf, type Bucket } from './bucket.ts';
import { ByteGatherer } from './byte-gatherer.ts';
import { endOfParts, MOST_PARTS, partBytes } from './part-bytes.ts';
import { S3Reader } from './s3-reader.ts';
import { dropParts } from './stored-objects.ts';
import { readState, writeState, type UploadState } from './upload-state.ts';

/** Parts of one upload that are sent at once, while the next is gathered. */
const PARTS_AT_ONCE = 2;

/**
 * Sends what comes as parts of a multipart upload, and what is left over at a sync as an object of its own, the
 * tail. Bytes that fit into a tail never become parts: the tail is the blob.
 */
export class S3Writer implements BlobWriter {
  readonly #bucket: Bucket;
  readonly #location: string;
  /** What was recorded when this writer was opened: nothing that it names is removed. */
  readonly #recorded: UploadState;
  /** The tails that this writer made. */
  readonly #tails: string[] = [];
  readonly #etags: string[];
  readonly #sending = new Set<Promise<void>>();
  #checkpoint: Checkpoint;
  #uploadId: string | undefined;
  /** The multipart upload that stays when this writer is closed. */
  #keptUploadId: string | undefined;
  #partCount: number;
  /** The bytes behind the parts, unless they are in the recorded tail only. */
  readonly #gathered = new ByteGatherer();
  #isTailHere: boolean;

  constructor(bucket: Bucket, location: string, behind: Checkpoint) {
    this.#bucket = bucket;
    this.#location = location;
    this.#checkpoint = behind;
    this.#recorded = readState(location, behind);
    this.#etags = [...this.#recorded.etags];
    this.#partCount = this.#etags.length;
    this.#uploadId = this.#recorded.uploadId;
    this.#keptUploadId = this.#uploadId;
    this.#isTailHere = this.#recorded.tail === undefined;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#takeTail();
    await this.#gather(chunk);
  }

  async sync(): Promise<Checkpoint> {
    if (this.#sizeBytes === this.#checkpoint.sizeBytes) return this.#checkpoint;
    await Promise.all(this.#sending);
    for (const key of this.#recorded.old.splice(0)) await this.#bucket.delete(key).catch(() => {});
    const old = this.#listOld();
    const state: UploadState = { etags: [...this.#etags], old };
    if (this.#uploadId !== undefined) state.uploadId = this.#uploadId;
    if (this.#gathered.length > 0) state.tail = await this.#putTail();
    this.#keptUploadId = this.#uploadId;
    this.#checkpoint = writeState(this.#sizeBytes, state);
    return this.#checkpoint;
  }

  async finish(): Promise<FinishedBytes> {
    const sizeBytes = this.#sizeBytes;
    let location = this.#location;
    let isCertain = true;
    if (this.#partCount > 0) isCertain = await this.#endParts(sizeBytes);
    else if (sizeBytes > this.#checkpoint.sizeBytes || sizeBytes === 0) {
      location = await this.#putTail();
    } else location = this.#tails.at(-1) ?? this.#recorded.tail!;
    this.#keptUploadId = this.#uploadId;
    const left = this.#listOld().filter((key) => key !== location);
    return { location, sizeBytes, left, isCertain };
  }

  async close(): Promise<void> {
    // A part that came behind the end of its upload would stay for ever.
    await Promise.allSettled(this.#sending);
    if (this.#uploadId === undefined || this.#uploadId === this.#keptUploadId) return;
    // If it can't be dropped now, whoever removes the location does it.
    await this.#bucket.dropParts(this.#location, this.#uploadId).catch(() => {});
  }

  get #sizeBytes(): number {
    if (!this.#isTailHere) return this.#checkpoint.sizeBytes;
    return endOfParts(this.#partCount) + this.#gathered.length;
  }

  /** The tails until now: what comes next does without them. */
  #listOld(): string[] {
    const { tail, old } = this.#recorded;
    return [...old, ...(tail === undefined ? [] : [tail]), ...this.#tails];
  }

  async #takeTail(): Promise<void> {
    if (this.#isTailHere) return;
    const sizeBytes = this.#checkpoint.sizeBytes - endOfParts(this.#partCount);
    const reader = new S3Reader(this.#bucket, this.#recorded.tail!, {
      start: 0,
      end: sizeBytes - 1,
    });
    await reader.open().catch(explain);
    for await (const chunk of readAll(reader)) this.#gathered.add(chunk, sizeBytes);
    this.#isTailHere = true;
  }

  async #gather(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.byteLength > 0;) {
      const limit = partBytes(this.#partCount + 1);
      rest = this.#gathered.add(rest, limit);
      if (this.#gathered.length === limit) await this.#sendPart();
    }
  }

  /** Sends what is gathered as a part; waits only when enough are under way. */
  async #sendPart(): Promise<void> {
    if (this.#partCount === MOST_PARTS) {
      throw new Refusal('REQUEST_ENTITY_TOO_LARGE', 'the store takes no blob above 484 GiB');
    }
    while (this.#sending.size >= PARTS_AT_ONCE) await Promise.race(this.#sending);
    this.#uploadId ??= await this.#beginParts();
    const number = ++this.#partCount;
    const part = { key: this.#location, uploadId: this.#uploadId, number };
    const bytes = this.#gathered.take();
    const sending = this.#bucket.putPart(part, bytes).then((etag) => {
      this.#etags[number - 1] = etag;
      this.#gathered.giveBack(bytes);
      this.#sending.delete(sending);
    }, explain);
    sending.catch(() => {}); // one that failed stays among them: whoever awaits them gets the error
    this.#sending.add(sending);
  }

  /** Nobody recorded another one: it is of a writer that ended half way, or must. */
  async #beginParts(): Promise<string> {
    await dropParts(this.#bucket, this.#location);
    return this.#bucket.beginParts(this.#location);
  }

  async #putTail(): Promise<string> {
    const key = `${this.#location}.${randomBytes(8).toString('hex')}`;
    await this.#bucket.put(key, this.#gathered.peek());
    this.#tails.push(key);
    return key;
  }

  /** False: they were ended before, by a writer whose end nobody recorded. */
  async #endParts(sizeBytes: number): Promise<boolean> {
    try {
      await this.#takeTail();
      if (this.#gathered.length > 0) await this.#sendPart();
      await Promise.all(this.#sending);
      await this.#bucket.endParts(this.#location, this.#uploadId!, this.#etags);
      return true;
    } catch (error) {
      const found = await this.#bucket.findSize(this.#location).catch(() => undefined);
      if (found === sizeBytes) return false;
      return explain(error);
    }
  }
}

/** What the store no longer has was ended, changed or removed by somebody else. */
function explain(cause: unknown): never {
  if (!['NoSuchUpload', 'NoSuchKey', 'InvalidPart'].includes(nameOf(cause))) throw cause;
  throw new Refusal('BLOB_UPLOAD_UNKNOWN', 'the store has lost this upload; start a new one', {
    cause,
  });
}
