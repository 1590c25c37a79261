/** What tests of `/v2` do all the time: push a blob, push an image, look into the store. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { digestOf, type Digest, type DigestAlgorithm } from '../../src/oci/digest.ts';
import * as mediaType from '../../src/oci/media-type.ts';
import type { TestApp } from '../harness.ts';
import type { Client } from './client.ts';

export { digestOf, mediaType };

/** OCI 1.1 §guidance-for-an-empty-descriptor. */
export const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: digestOf('{}'),
  size: 2,
};

/** What an answer says of itself. */
interface Reply {
  statusCode: number;
  body: string;
}

export function must<T extends Reply>(reply: T, status: number): T {
  if (reply.statusCode !== status) throw new Error(`${reply.statusCode} ${reply.body}`);
  return reply;
}

export async function pushBlob(
  client: Client,
  repository: string,
  content: Buffer | string,
  algorithm: DigestAlgorithm = 'sha256',
): Promise<Digest> {
  const bytes = Buffer.from(content);
  const digest = digestOf(bytes, algorithm);
  must(await client.post(`/v2/${repository}/blobs/uploads/?digest=${digest}`, bytes), 201);
  return digest;
}

/** Begins an upload; answers its path. */
export async function beginUpload(client: Client, repository: string): Promise<string> {
  const begun = must(await client.post(`/v2/${repository}/blobs/uploads/`), 202);
  return begun.headers.location as string;
}

export interface ImageOptions {
  config?: string;
  layers?: string[];
  /** Members that are added to the manifest, or replace its own. */
  also?: Record<string, unknown>;
}

export const descriptorOf = (content: string | Buffer, type: string = mediaType.OCTET_STREAM) => ({
  mediaType: type,
  digest: digestOf(content),
  size: Buffer.byteLength(content),
});

/** The bytes of an image manifest over these contents. */
export function imageManifest({
  config = '{}',
  layers = [],
  also = {},
}: ImageOptions = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.OCI_IMAGE_MANIFEST,
      config: descriptorOf(config, 'application/vnd.oci.image.config.v1+json'),
      layers: layers.map((layer) =>
        descriptorOf(layer, 'application/vnd.oci.image.layer.v1.tar+gzip'),
      ),
      ...also,
    }),
  );
}

export function putManifest(
  client: Client,
  repository: string,
  reference: string,
  bytes: Buffer,
  type: string = mediaType.OCI_IMAGE_MANIFEST,
) {
  const url = `/v2/${repository}/manifests/${reference}`;
  return client.put(url, bytes, { 'content-type': type });
}

/** Pushes an image with its blobs; answers its manifest. */
export async function pushImage(
  client: Client,
  repository: string,
  reference: string | undefined,
  image: ImageOptions = {},
): Promise<{ digest: Digest; bytes: Buffer }> {
  for (const content of [image.config ?? '{}', ...(image.layers ?? [])]) {
    await pushBlob(client, repository, content);
  }
  const bytes = imageManifest(image);
  const digest = digestOf(bytes);
  must(await putManifest(client, repository, reference ?? digest, bytes), 201);
  return { digest, bytes };
}

/** The files of all blobs and uploads. */
export async function listStoredFiles({ platform }: Pick<TestApp, 'platform'>): Promise<string[]> {
  const root = join(platform.config.data, 'blobs');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** The codes in an answer's errors. */
export const codesOf = (reply: { json: () => unknown }) =>
  (reply.json() as { errors: { code: string }[] }).errors.map(({ code }) => code);
