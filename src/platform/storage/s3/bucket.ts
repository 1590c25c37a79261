import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
  type ListMultipartUploadsCommandOutput,
  type S3Client,
  type S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Readable } from 'node:stream';

import type { ByteRange } from '../adapter.ts';

/** A part of a multipart upload. */
export interface Part {
  key: string;
  uploadId: string;
  number: number;
}

export interface StoredObject {
  key: string;
  sizeBytes: number;
  changedAt: Date;
}

/** A multipart upload that has not ended. */
export interface PartialObject {
  key: string;
  uploadId: string;
  begunAt: Date;
}

/** The requests we make, for the keys behind our prefix. Bodies are in memory, so that they can be sent again. */
export class Bucket {
  readonly name: string;
  readonly #client: S3Client;
  readonly #prefix: string;

  constructor(client: S3Client, { name, prefix }: { name: string; prefix: string }) {
    this.#client = client;
    this.name = name;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ ...this.#object(key), Body: body }));
  }

  async get(key: string, range?: ByteRange): Promise<{ body: Readable; sizeBytes: number }> {
    const wanted = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };
    const command = new GetObjectCommand({ ...this.#object(key), ...wanted });
    const { Body, ContentLength } = await this.#client.send(command);
    return { body: Body as Readable, sizeBytes: ContentLength ?? -1 };
  }

  /** Undefined: there is no such object. */
  async findSize(key: string): Promise<number | undefined> {
    try {
      const found = await this.#client.send(new HeadObjectCommand(this.#object(key)));
      return found.ContentLength;
    } catch (error) {
      if ((error as S3ServiceException).$metadata?.httpStatusCode === 404) return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#object(key)));
  }

  /** The objects whose keys begin so. */
  async *list(start: string, limit = 1000): AsyncGenerator<StoredObject, void> {
    let after: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.name,
          Prefix: this.#prefix + start,
          MaxKeys: limit,
          ContinuationToken: after,
        }),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        yield { key: this.#withoutPrefix(Key!), sizeBytes: Size!, changedAt: LastModified! };
      }
      after = page.NextContinuationToken;
    } while (after !== undefined);
  }

  async beginParts(key: string): Promise<string> {
    const command = new CreateMultipartUploadCommand(this.#object(key));
    const { UploadId } = await this.#client.send(command);
    return UploadId!;
  }

  /** Answers its ETag. */
  async putPart(part: Part, body: Uint8Array): Promise<string> {
    const command = new UploadPartCommand({
      ...this.#object(part.key),
      UploadId: part.uploadId,
      PartNumber: part.number,
      Body: body,
    });
    const { ETag } = await this.#client.send(command);
    return ETag!;
  }

  async endParts(key: string, uploadId: string, etags: string[]): Promise<void> {
    const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
    await this.#client.send(
      new CompleteMultipartUploadCommand({
        ...this.#object(key),
        UploadId: uploadId,
        MultipartUpload: { Parts },
      }),
    );
  }

  /** Forgets a multipart upload and its parts. Absent counts as done. */
  async dropParts(key: string, uploadId: string): Promise<void> {
    try {
      await this.#client.send(
        new AbortMultipartUploadCommand({ ...this.#object(key), UploadId: uploadId }),
      );
    } catch (error) {
      if (nameOf(error) !== 'NoSuchUpload') throw error;
    }
  }

  /** The multipart uploads that have not ended and whose keys begin so. Some stores want whole keys. */
  async *listPartial(start: string): AsyncGenerator<PartialObject, void> {
    let after: { KeyMarker: string; UploadIdMarker: string } | object = {};
    for (let isMore = true; isMore;) {
      const page: ListMultipartUploadsCommandOutput = await this.#client.send(
        new ListMultipartUploadsCommand({
          Bucket: this.name,
          Prefix: this.#prefix + start,
          ...after,
        }),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        yield { key: this.#withoutPrefix(Key!), uploadId: UploadId!, begunAt: Initiated! };
      }
      isMore = page.IsTruncated === true;
      after = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  async ask(signal: AbortSignal): Promise<void> {
    await this.#client.send(new HeadBucketCommand({ Bucket: this.name }), { abortSignal: signal });
  }

  async sign(key: string, expiresIn: number): Promise<string> {
    const command = new GetObjectCommand(this.#object(key));
    return getSignedUrl(this.#client, command, { expiresIn });
  }

  #withoutPrefix(key: string): string {
    return key.slice(this.#prefix.length);
  }

  #object(key: string) {
    return { Bucket: this.name, Key: this.#prefix + key };
  }
}

/** What the store calls an error. */
export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
