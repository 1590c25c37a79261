import { setTimeout } from 'node:timers/promises';

import type { FastifyRequest } from 'fastify';

import { Refusal } from '../../lib/errors.ts';
import type { Platform } from '../../platform/index.ts';
import { accountKey, type Caller } from '../access/index.ts';
import * as store from './store.ts';
import { outOfOrder } from './upload.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** How long a chunk waits for the one before it, whose connection may just be breaking. */
const BUSY_WAIT_MS = 5000;
const STATUS_WAIT_MS = 1000;
const BUSY_POLL_MS = 50;

type Deps = Pick<Platform, 'db'>;

/** Only whoever began an upload may go on with it. */
export const ownerOf = (caller: Caller): string => accountKey(caller) ?? 'anonymous';

export async function getUpload(
  { db }: Deps,
  request: FastifyRequest,
  id: string,
): Promise<store.Upload> {
  const key = uploadKey(request, id);
  return (key && (await store.findUpload(db, key))) ?? refuseUnknown();
}

/** The upload, once nobody else writes to it and if it ends where the chunk starts: the right to write to it. */
export async function claimUpload(
  { db }: Deps,
  request: FastifyRequest,
  id: string,
  start: number | undefined,
): Promise<store.Upload> {
  const key = uploadKey(request, id);
  const deadline = performance.now() + BUSY_WAIT_MS;
  for (;;) {
    const upload = (key && (await store.claimUpload(db, key, start))) ?? refuseUnknown();
    if (upload.is_claimed) return upload;
    if (!isBusy(upload) || performance.now() > deadline) throw outOfOrder(upload);
    await setTimeout(BUSY_POLL_MS);
  }
}

/** Gives whoever writes to the upload some time to end: their connection may just have broken. */
export async function getSettledUpload(
  deps: Deps,
  request: FastifyRequest,
  id: string,
): Promise<store.Upload> {
  const deadline = performance.now() + STATUS_WAIT_MS;
  for (;;) {
    const upload = await getUpload(deps, request, id);
    if (!isBusy(upload) || performance.now() > deadline) return upload;
    await setTimeout(BUSY_POLL_MS);
  }
}

/** Undefined: no upload has such an id. */
export const uploadKey = ({ caller, scope }: FastifyRequest, id: string) =>
  UUID.test(id) ? { id, owner: ownerOf(caller), repository: scope! } : undefined;

function refuseUnknown(): never {
  throw new Refusal(
    'BLOB_UPLOAD_UNKNOWN',
    'there is no such upload of yours in this repository; start a new one',
  );
}

const isBusy = ({ is_leased, is_lease_over }: store.Upload) => is_leased && !is_lease_over;
