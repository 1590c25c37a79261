import type { S3ClientConfig } from '@aws-sdk/client-s3';

import { clock } from '../../../lib/clock.ts';

type Strategy = Extract<
  NonNullable<S3ClientConfig['retryStrategy']>,
  { acquireInitialRetryToken: unknown }
>;
type Token = Awaited<ReturnType<Strategy['acquireInitialRetryToken']>>;
type Failure = Parameters<Strategy['refreshRetryTokenForRetry']>[1];

/** The longest first wait, by what happened; each further one is up to twice as long. */
const WAIT_MS: Partial<Record<Failure['errorType'], number>> = { THROTTLING: 1000, TRANSIENT: 50 };
/** How much longer we wait when the store asks for it. */
const MOST_MORE_MS = 5000;

const tokenOf = (retries: number, waitMs: number): Token => ({
  getRetryCount: () => retries,
  getRetryDelay: () => waitMs,
});

/**
 * Tries each request up to `attempts` times, whatever became of others. The SDK's own strategies have one account of
 * retries for all requests: some dozens of broken connections empty it, and then one more of them, or one `SlowDown`,
 * ends an upload of hundreds of parts, although the store is well again.
 */
export function retryEach(attempts: number): Strategy {
  return {
    acquireInitialRetryToken: async () => tokenOf(0, 0),
    async refreshRetryTokenForRetry(token, { errorType, retryAfterHint }) {
      const retries = token.getRetryCount() + 1;
      const firstMs = WAIT_MS[errorType];
      if (firstMs === undefined || retries >= attempts) throw new Error('not tried again');
      const waitMs = Math.random() * firstMs * 2 ** (retries - 1);
      const wishedMs = (retryAfterHint?.getTime() ?? 0) - clock.now().getTime();
      return tokenOf(retries, Math.max(waitMs, Math.min(wishedMs, waitMs + MOST_MORE_MS)));
    },
    recordSuccess() {},
  };
}
