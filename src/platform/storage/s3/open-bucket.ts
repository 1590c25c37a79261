import { S3Client } from '@aws-sdk/client-s3';

import type { Config } from '../../config/index.ts';
import { Bucket } from './bucket.ts';
import { explainAway } from './explain-away.ts';
import { retryEach } from './retry-each.ts';

/** With growing waits between them: some seconds altogether. What then still fails is an error. */
const ATTEMPTS = 5;
const CONNECT_TIMEOUT_MS = 5000;
/** A connection on which nothing moves for so long is broken. */
const IDLE_TIMEOUT_MS = 60_000;
/** Each download holds a connection for as long as its client takes. */
const MOST_CONNECTIONS = 4096;

export function openBucket(config: Config['s3'], endpoint: string | undefined): Bucket {
  const { bucket, region, path_style, prefix, access_key_id, secret_access_key } = config;
  const agent = { keepAlive: true, maxSockets: MOST_CONNECTIONS };
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: path_style ?? endpoint !== undefined,
    ...(access_key_id === undefined || secret_access_key === undefined
      ? {} // the SDK's own chain: environment, profile, web identity, instance
      : {
          credentials: {
            accessKeyId: access_key_id,
            secretAccessKey: secret_access_key.reveal(),
          },
        }),
    retryStrategy: retryEach(ATTEMPTS),
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: IDLE_TIMEOUT_MS,
      httpAgent: agent,
      httpsAgent: agent,
    },
    // Many stores refuse the checksums that AWS invented; the signature covers each body's SHA-256.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Waiting for the store's leave costs a round trip, and a second where it gives none.
    expectContinueHeader: false,
  });
  explainAway(client);
  return new Bucket(client, { name: bucket!, prefix: prefix.replace(/\/+$/, '') });
}
