import type { S3Client, S3ServiceException } from '@aws-sdk/client-s3';

import { Refusal } from '../../../lib/errors.ts';

/** Makes of a store that does not answer, or has too much to do after all attempts, what a client should read. */
export function explainAway(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (cause) {
        if (!isAway(cause as S3ServiceException)) throw cause;
        throw new Refusal('UNAVAILABLE', 'the blob store does not answer; try again', {
          cause,
          headers: { 'retry-after': '2' },
        });
      }
    },
    { step: 'initialize', priority: 'high', name: 'explainAway' },
  );
}

function isAway({ name, $metadata, code }: S3ServiceException & { code?: string }): boolean {
  const status = $metadata?.httpStatusCode;
  if (status !== undefined && status >= 400) return status >= 500 || status === 429;
  // Of the network: ECONNREFUSED, ENOTFOUND and their like.
  return name === 'TimeoutError' || /^E[A-Z_]+$/.test(code ?? '');
}
