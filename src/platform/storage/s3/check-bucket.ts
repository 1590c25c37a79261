import { buffer } from 'node:stream/consumers';

import { describeError } from '../../../lib/describe-error.ts';
import { Refusal } from '../../../lib/errors.ts';
import type { Config } from '../../config/index.ts';
import { nameOf, type Bucket } from './bucket.ts';
import { findPartial } from './stored-objects.ts';

/** Does once all that the server will do. Throws an error that says which key of the configuration to look at. */
export async function checkBucket(
  bucket: Bucket,
  location: string,
  config: Config['s3'],
): Promise<void> {
  const attempt = async (right: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (cause) {
      const error = cause instanceof Refusal ? cause.cause : cause;
      throw new Error(`s3: ${explain(error, right, config)}`, { cause });
    }
  };
  await attempt('s3:ListBucket', () => bucket.list(location, 1).next());
  await attempt('s3:PutObject', () => bucket.put(location, Buffer.from('roadstead')));
  await attempt('s3:GetObject', async () => buffer((await bucket.get(location)).body));
  await attempt('s3:DeleteObject', () => bucket.delete(location));
  let uploadId = '';
  await attempt('s3:PutObject', async () => (uploadId = await bucket.beginParts(location)));
  await attempt('s3:ListBucketMultipartUploads', () => findPartial(bucket, location));
  await attempt('s3:AbortMultipartUpload', () => bucket.dropParts(location, uploadId));
}

function explain(error: unknown, right: string, config: Config['s3']): string {
  const { bucket, endpoint, region } = config;
  const where = endpoint ?? `AWS region ${region}`;
  switch (nameOf(error)) {
    case 'NoSuchBucket':
      return `there is no bucket ${bucket} at ${where}; make it, or correct s3.bucket`;
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'InvalidToken':
    case 'ExpiredToken':
      return `${where} refuses the credentials (${nameOf(error)}); correct s3.access_key_id and s3.secret_access_key`;
    case 'CredentialsProviderError':
      return 'no credentials are found; set s3.access_key_id and s3.secret_access_key, or give this machine a role';
    case 'AccessDenied':
      return `the credentials have no right ${right} in the bucket ${bucket}; grant it`;
    case 'RequestTimeTooSkewed':
      return `the clock of this machine differs too much from that of ${where}; correct it`;
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
      return `the bucket ${bucket} is not in the region ${region}; correct s3.region (${describeError(error)})`;
    default:
      return `the bucket ${bucket} at ${where} cannot be used: ${nameOf(error)}: ${describeError(error)}; see s3.endpoint`;
  }
}
