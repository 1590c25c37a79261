import { createHash, randomBytes } from 'node:crypto';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';

import { ADMIN_PASSWORD, authorization } from './program.ts';

const REPOSITORY = '/v2/library/app';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const admin = authorization(ADMIN_PASSWORD);

export const digestOf = (bytes: Uint8Array) =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Pushes random bytes and answers their digest when that was acknowledged. */
export async function pushBlob(url: string, sizeBytes: number): Promise<string> {
  const bytes = randomBytes(sizeBytes);
  const digest = digestOf(bytes);
  const reply = await fetch(`${url}${REPOSITORY}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    headers: { ...admin, 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  await requireStatus(reply, 201);
  return digest;
}

/** Pushes a manifest with one layer, both new, and answers the digests of the three. */
export async function pushImage(url: string, tag: string): Promise<string[]> {
  const size = 64 * 1024;
  const [config, layer] = await Promise.all([pushBlob(url, 100), pushBlob(url, size)]);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 100 },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size }],
  });
  const reply = await fetch(`${url}${REPOSITORY}/manifests/${tag}`, {
    method: 'PUT',
    headers: { ...admin, 'content-type': MANIFEST },
    body: manifest,
  });
  await requireStatus(reply, 201);
  return [config, layer, digestOf(Buffer.from(manifest))];
}

/** Pulls what has this digest, a blob or a manifest, and checks its bytes. */
export async function verify(url: string, kind: 'blobs' | 'manifests', digest: string) {
  const reply = await fetch(`${url}${REPOSITORY}/${kind}/${digest}`, { headers: admin });
  const bytes = new Uint8Array(await reply.arrayBuffer());
  if (reply.status !== 200 || digestOf(bytes) !== digest) {
    throw new Error(`${digest}: ${reply.status}, ${bytes.byteLength} bytes`);
  }
}

async function requireStatus(reply: Response, status: number): Promise<void> {
  const text = await reply.text();
  if (reply.status !== status) throw new Error(`${reply.url}: ${reply.status} ${text}`);
}

export interface SlowDownload {
  request: ClientRequest;
  /** Reads the rest and answers the digest of all. */
  finish(): Promise<string>;
}

/** Begins to read a blob, and then reads no more. */
export async function beginDownload(url: string, digest: string): Promise<SlowDownload> {
  const request = http.get(`${url}${REPOSITORY}/blobs/${digest}`, { headers: admin, agent: false });
  request.on('error', () => {}); // whoever breaks it off expects that
  const [reply] = (await once(request, 'response')) as [IncomingMessage];
  reply.on('error', () => {});
  const hash = createHash('sha256');
  reply.once('data', () => reply.pause());
  reply.on('data', (chunk: Buffer) => hash.update(chunk));
  await once(reply, 'pause');
  return {
    request,
    async finish() {
      const ended = once(reply, 'end');
      reply.resume();
      await ended;
      return `sha256:${hash.digest('hex')}`;
    },
  };
}

export interface SlowUpload {
  digest: string;
  request: ClientRequest;
  /** Sends the rest and answers the status. */
  finish(): Promise<number>;
}

/** Sends the first half of a blob, and then no more. */
export async function beginUpload(url: string, sizeBytes: number): Promise<SlowUpload> {
  const bytes = randomBytes(sizeBytes);
  const digest = digestOf(bytes);
  const half = Math.floor(sizeBytes / 2);
  const request = http.request(`${url}${REPOSITORY}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    agent: false,
    headers: {
      ...admin,
      'content-type': 'application/octet-stream',
      'content-length': sizeBytes,
      expect: '100-continue', // tells when the server has the request
    },
  });
  request.on('error', () => {}); // whoever waits for its answer learns of it
  request.flushHeaders();
  await once(request, 'continue');
  const { promise: sent, resolve } = Promise.withResolvers<void>();
  request.write(bytes.subarray(0, half), () => resolve());
  await sent;
  return {
    digest,
    request,
    async finish() {
      const answered = once(request, 'response') as Promise<[IncomingMessage]>;
      request.end(bytes.subarray(half));
      const [reply] = await answered;
      reply.resume();
      return reply.statusCode!;
    },
  };
}
