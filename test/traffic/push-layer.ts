import { setTimeout as sleep } from 'node:timers/promises';

import type { Layer } from './content.ts';
import { describe, type Wire } from './wire.ts';

/** What a customer pushes with. */
export interface Pushing {
  wire: Wire;
  repository: string;
  /** Tells of what no server may do. */
  complain(what: string): void;
}

/** One attempt to push a layer in one request. True: it was acknowledged. */
export async function pushAtOnce(
  { wire, repository, complain }: Pushing,
  { digest, bytes }: Layer,
): Promise<boolean> {
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  const answer = await wire.ask('POST', path, { body: bytes() });
  if (answer?.status === 201) return true;
  if (answer !== undefined) complain(`POST ${path}: ${describe(answer)}`);
  return false;
}

/** The same in three requests. */
export async function pushInChunks(pushing: Pushing, layer: Layer): Promise<boolean> {
  const { wire, complain } = pushing;
  const bytes = layer.bytes();
  const middle = Math.floor(bytes.length / 2);
  const location = await beginUpload(pushing);
  if (location === undefined) return false;
  const patched = await wire.ask('PATCH', location, { body: bytes.subarray(0, middle) });
  // To begin an upload does not wait for the disk: a crash may take it away again.
  if (patched === undefined || patched?.status === 404) return false;
  if (patched?.status !== 202) complain(`PATCH ${location}: ${describe(patched)}`);
  const path = `${location}?digest=${layer.digest}`;
  const put = await wire.ask('PUT', path, { body: bytes.subarray(middle) });
  if (put?.status === 201) return true;
  if (put !== undefined) complain(`PUT ${path}: ${describe(put)}`);
  return false;
}

/** The same without its bytes, from a repository that may have it. */
export async function mount(
  { wire, repository, complain }: Pushing,
  { digest }: Layer,
  from: string,
): Promise<boolean> {
  const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`;
  const answer = await wire.ask('POST', path);
  if (answer?.status === 201) return true;
  if (answer?.status === 202) await wire.ask('DELETE', answer.headers.location!);
  else if (answer !== undefined) complain(`POST ${path}: ${describe(answer)}`);
  return false;
}

/**
 * Pushes the first half, which is acknowledged, and then slowly the second, during which something may happen. What
 * was acknowledged has to be there when the upload is asked for, and the upload goes on from there.
 */
export async function pushAndResume(
  pushing: Pushing,
  layer: Layer,
  signal: AbortSignal,
): Promise<boolean> {
  const { wire, complain } = pushing;
  const bytes = layer.bytes();
  const middle = Math.floor(bytes.length / 2);
  const location = await beginUpload(pushing);
  if (location === undefined) return false;
  const first = await wire.ask('PATCH', location, { body: bytes.subarray(0, middle) });
  if (first?.status !== 202) return false;
  await wire.ask('PATCH', location, { body: slowly(bytes.subarray(middle)) });
  let mayHaveEnded = false;
  while (!signal.aborted) {
    const progress = await wire.ask('GET', location);
    if (mayHaveEnded && progress?.status === 404) return false;
    if (progress === undefined) {
      await sleep(50);
      continue;
    }
    const offset = Number(progress.headers.range?.split('-')[1]) + 1;
    if (progress.status !== 204 || !(offset >= middle)) {
      complain(`GET ${location}: ${describe(progress)}, ${offset} of ${middle} acknowledged bytes`);
      return false;
    }
    const rest = bytes.subarray(offset);
    const put = await wire.ask('PUT', `${location}?digest=${layer.digest}`, {
      headers: rest.length === 0 ? {} : { 'content-range': `${offset}-${bytes.length - 1}` },
      body: rest,
    });
    if (put?.status === 201) return true;
    // Whoever wrote last may have been killed: until its lease is over nobody else may write.
    if (put?.status === 416) await sleep(500);
    else if (put === undefined) mayHaveEnded = true;
    else complain(`PUT ${location}: ${describe(put)}`);
  }
  return false;
}

async function beginUpload({ wire, repository, complain }: Pushing): Promise<string | undefined> {
  const path = `/v2/${repository}/blobs/uploads/`;
  const answer = await wire.ask('POST', path);
  if (answer?.status === 202) return answer.headers.location!;
  if (answer !== undefined) complain(`POST ${path}: ${describe(answer)}`);
  return undefined;
}

async function* slowly(bytes: Buffer): AsyncGenerator<Buffer> {
  const step = Math.ceil(bytes.length / 10);
  for (let start = 0; start < bytes.length; start += step) {
    yield bytes.subarray(start, start + step);
    await sleep(20);
  }
}
