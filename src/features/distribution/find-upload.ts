import { setTimeout } from 'node:timers/promises';

import type { FastifyRequest } from 'fastify';

import { Refusal } from '../../lib/errors.ts';
import type { Platform } from '../../platform/index.ts';
import type { Caller } from '../access/index.ts';
import * as store from './store.ts';
import { outOfOrder } from './upload.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** How long a chunk waits for the one before it, whose connection may just be breaking. */
const BUSY_WAIT_MS = 5000;
const STATUS_WAIT_MS = 1000;
const BUSY_POLL_MS = 50;

type Deps = Pick<Platform, 'db'>;

/** Only whoever began an upload may go on with it. */
export function ownerOf(caller: Caller): string {
  return caller.user === undefined ? 'anonymous' : `user:${caller.user.id}`;
}

export async function getUpload(
  { db }: Deps,
  { caller, scope }: FastifyRequest,
  id: string,
): Promise<store.Upload> {
  const upload = UUID.test(id)
    ? await store.findUpload(db, { id, owner: ownerOf(caller), repository: scope! })
    : undefined;
  if (upload === undefined) {
    throw new Refusal(
      'BLOB_UPLOAD_UNKNOWN',
      'there is no such upload of yours in this repository; start a new one',
    );
  }
  return upload;
}

/** The upload, once nobody else writes to it, if it ends where the chunk starts. */
export async function getWritableUpload(
  deps: Deps,
  request: FastifyRequest,
  id: string,
  start: number | undefined,
): Promise<store.Upload> {
  const upload = await getSettledUpload(deps, request, id, BUSY_WAIT_MS);
  if (isBusy(upload) || (start !== undefined && start !== upload.offset_bytes)) {
    throw outOfOrder(upload);
  }
  return upload;
}

/** Gives whoever writes to the upload some time to end: their connection may just have broken. */
export async function getSettledUpload(
  deps: Deps,
  request: FastifyRequest,
  id: string,
  waitMs = STATUS_WAIT_MS,
): Promise<store.Upload> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const upload = await getUpload(deps, request, id);
    if (!isBusy(upload) || performance.now() > deadline) return upload;
    await setTimeout(BUSY_POLL_MS);
  }
}

const isBusy = ({ is_leased, is_lease_over }: store.Upload) => is_leased && !is_lease_over;
