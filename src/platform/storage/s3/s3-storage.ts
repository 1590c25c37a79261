import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';

import { inNetworks } from '../../../lib/networks.ts';
import type { Config } from '../../config/index.ts';
import type {
  BlobReader,
  BlobStorage,
  BlobWriter,
  ByteRange,
  Checkpoint,
  StoredBytes,
} from '../adapter.ts';
import type { Bucket } from './bucket.ts';
import { checkBucket } from './check-bucket.ts';
import { openBucket } from './open-bucket.ts';
import { S3Reader } from './s3-reader.ts';
import { S3Writer } from './s3-writer.ts';
import { listStored, removeStored, requireLocation } from './stored-objects.ts';
import { holdsState } from './upload-state.ts';

const READ_ATTEMPTS = 3;
const HEALTH_TIMEOUT_MS = 2000;

/** Blobs as objects of a bucket: `<prefix>/<2 hex digits>/<uuid>`, small ones with a suffix. */
export function openS3Storage(config: Config['s3']): BlobStorage {
  return new S3Storage(config);
}

class S3Storage implements BlobStorage {
  readonly #config: Config['s3'];
  readonly #bucket: Bucket;
  /** As clients reach it. */
  readonly #public: Bucket;
  readonly #isRedirected: (address: string) => boolean;

  constructor(config: Config['s3']) {
    this.#config = config;
    this.#bucket = openBucket(config, config.endpoint);
    this.#public = openBucket(config, config.redirect_endpoint ?? config.endpoint);
    const { redirect_networks } = config;
    this.#isRedirected =
      redirect_networks.length === 0 ? () => true : inNetworks(redirect_networks);
  }

  async prepare(): Promise<void> {
    await checkBucket(this.#bucket, this.newLocation(), this.#config);
  }

  async isHealthy(): Promise<boolean> {
    return this.#bucket.ask(AbortSignal.timeout(HEALTH_TIMEOUT_MS)).then(
      () => true,
      () => false,
    );
  }

  newLocation(): string {
    const uuid = randomUUID();
    return `${uuid.slice(0, 2)}/${uuid}`;
  }

  async openWriter(location: string, behind: Checkpoint): Promise<BlobWriter> {
    return new S3Writer(this.#bucket, requireLocation(location), behind);
  }

  async writeWhole(location: string, bytes: Uint8Array): Promise<void> {
    await this.#bucket.put(requireLocation(location), bytes);
  }

  async openReader(location: string, range: ByteRange): Promise<BlobReader> {
    const reader = new S3Reader(this.#bucket, requireLocation(location), range);
    await reader.open();
    return reader;
  }

  async findSize(location: string): Promise<number | undefined> {
    return this.#bucket.findSize(requireLocation(location));
  }

  async readWhole(location: string): Promise<Buffer> {
    requireLocation(location);
    for (let attempt = 1; ; attempt++) {
      const { body } = await this.#bucket.get(location);
      try {
        return await buffer(body);
      } catch (error) {
        if (attempt === READ_ATTEMPTS) throw error;
      }
    }
  }

  async findUrl(location: string, clientAddress: string): Promise<string | undefined> {
    const { redirect, redirect_seconds } = this.#config;
    if (!redirect || !this.#isRedirected(clientAddress)) return undefined;
    return this.#public.sign(requireLocation(location), redirect_seconds);
  }

  async remove(location: string): Promise<void> {
    await removeStored(this.#bucket, location);
  }

  list(shard: string): AsyncIterable<StoredBytes> {
    return listStored(this.#bucket, shard);
  }

  async holds(location: string, behind: Checkpoint): Promise<boolean> {
    return holdsState(this.#bucket, requireLocation(location), behind);
  }
}
