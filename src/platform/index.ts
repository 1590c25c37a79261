import type { Config } from './config/index.ts';
import type { Db } from './db/connect.ts';
import type { Disks } from './disk/index.ts';
import type { Lookups } from './db/lookups.ts';
import type { Recorder } from './events/recorder.ts';
import type { Log } from './log/index.ts';
import type { Metrics } from './metrics/index.ts';
import type { BlobStorage } from './storage/index.ts';
import type { SecretBox } from './secret-box.ts';

/** What a process holds open. Built once, in the command; functions take the parts they use. */
export interface Platform {
  config: Config;
  db: Db;
  lookups: Lookups;
  storage: BlobStorage;
  disks: Disks;
  secretBox: SecretBox;
  log: Log;
  metrics: Metrics;
  recorder: Recorder;
  /** Aborted when this process stops: whoever could ask another one should do so from now on. */
  stopping: AbortSignal;
}
