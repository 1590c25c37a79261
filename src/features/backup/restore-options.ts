import type { Config } from '../../platform/config/index.ts';
import type { DatabaseAddress, Db } from '../../platform/db/connect.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import type { BlobStorage } from '../../platform/storage/index.ts';
import type { Progress } from './progress.ts';

export interface RestoreOptions {
  address: DatabaseAddress;
  db: Db;
  storage: BlobStorage;
  config: Pick<Config, 's3'>;
  /** Undefined: there is no secret key here yet. */
  secretBox: SecretBox | undefined;
  /** The folder of backups, and which of them. */
  root: string;
  name: string;
  /** The store has the blobs, at the places where they were. */
  keepBlobs: boolean;
  /** The secret key is lost: do without what was encrypted with it. */
  newSecretKey: boolean;
  /** Do without the blobs that can't be had. */
  withoutDamaged: boolean;
  progress: Progress;
  signal: AbortSignal;
}
