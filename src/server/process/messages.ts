import type { ConfigValues } from '../../platform/config/index.ts';
import type { DatabaseAddress } from '../../platform/db/connect.ts';
import type { Spending } from '../rate-limits.ts';

/** Answers requests, or does what the registry does by itself. Stands in the command line of the process. */
export type WorkerRole = 'http' | 'jobs';

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
  /** What other workers let through, of what is limited by client. */
  | { type: 'spent'; spending: Spending }
  /** The primary wants this worker's figures … */
  | { type: 'report'; id: number }
  /** … and answers with those of all; without a text when one of them did not report. */
  | { type: 'metrics'; id: number; text: string | undefined };

export type ToPrimary =
  | { type: 'ready' }
  /** It does its work; an HTTP worker listens. */
  | { type: 'started'; port: number | undefined }
  | { type: 'failed'; message: string }
  /** What this worker let through. */
  | { type: 'spent'; spending: Spending }
  | { type: 'report'; id: number; figures: object[] }
  | { type: 'metrics'; id: number };
