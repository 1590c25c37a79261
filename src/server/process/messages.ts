import type { ConfigValues } from '../../platform/config/index.ts';
import type { DatabaseAddress } from '../../platform/db/connect.ts';

/** What a worker needs to start; read once, by the primary. */
export interface WorkerStart {
  config: ConfigValues;
  database: DatabaseAddress;
  secretKey: string;
}

/** Between the primary process and its workers. */
export type ToWorker =
  | { type: 'start'; start: WorkerStart }
  | { type: 'stop' }
  | { type: 'metrics'; id: number; text: string };

export type ToPrimary =
  | { type: 'ready' }
  | { type: 'listening' }
  | { type: 'failed'; message: string }
  | { type: 'metrics'; id: number };
