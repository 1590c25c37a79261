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
  /** The primary wants this worker's figures … */
  | { type: 'report'; id: number }
  /** … and answers with those of all; without a text when one of them did not report. */
  | { type: 'metrics'; id: number; text: string | undefined };

export type ToPrimary =
  | { type: 'ready' }
  | { type: 'listening'; port: number }
  | { type: 'failed'; message: string }
  | { type: 'report'; id: number; figures: object[] }
  | { type: 'metrics'; id: number };
