import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { toText, type PlainRequest, type Rate } from './requests.ts';

interface WrkResult {
  requests: number;
  microseconds: number;
  p50: number;
  p99: number;
  refused: number;
  broken: number;
}

export interface WrkRun {
  port: number;
  requests: PlainRequest[];
  connections: number;
  seconds: number;
  /** For the file with the requests. */
  folder: string;
}

const script = join(import.meta.dirname, 'requests.lua');

/** GET requests by wrk, one thread. It waits for a body, so it can't do HEAD. */
export async function runWrk({ port, requests, ...run }: WrkRun): Promise<Rate> {
  const file = join(run.folder, 'requests');
  writeFileSync(file, requests.map((request) => toText(port, request)).join('\x01'));
  const { stdout } = await promisify(execFile)('wrk', [
    '--threads=1',
    `--connections=${run.connections}`,
    `--duration=${run.seconds}s`,
    '--timeout=30s',
    `--script=${script}`,
    `http://127.0.0.1:${port}`,
    '--',
    file,
  ]);
  const text = /^RESULT (.*)$/m.exec(stdout)?.[1];
  if (text === undefined) throw new Error(`wrk says: ${stdout}`);
  const result = JSON.parse(text) as WrkResult;
  if (result.refused + result.broken > 0) {
    throw new Error(`${result.refused} of ${result.requests} were refused, ${result.broken} broke`);
  }
  return {
    perSecond: result.requests / (result.microseconds / 1e6),
    p50Ms: result.p50 / 1000,
    p99Ms: result.p99 / 1000,
  };
}
