import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

import type { Config } from '../config/index.ts';

/** What the server that has this configuration answers, on this machine, to a GET. */
export async function askOwnServer(
  { host, port, tls }: Pick<Config, 'host' | 'port' | 'tls'>,
  path: string,
  timeoutMs: number,
): Promise<{ status: number; body: string }> {
  const isEveryAddress = host === '::' || host === '0.0.0.0';
  const options = {
    host: isEveryAddress ? 'localhost' : host,
    port,
    path,
    signal: AbortSignal.timeout(timeoutMs),
  };
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  // Its certificate is for the name by which clients know it, and this is a way of its own to it.
  const request =
    tls.certificate_file === undefined
      ? http.get(options, resolve)
      : https.get({ ...options, rejectUnauthorized: false }, resolve);
  request.on('error', reject);
  const reply = await promise;
  return { status: reply.statusCode!, body: await text(reply) };
}
