/** Requests over a real connection, whose body can stop half way. */
import { request, type Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';

import { ADMIN_PASSWORD } from '../harness.ts';
import { basic } from './client.ts';

export interface WireReply {
  statusCode: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
  json(): { errors: { code: string; message: string }[] };
}

export interface WireRequest {
  /** Write the body to it; `end()` or `destroy()` it. */
  request: ClientRequest;
  /** Fails when the connection breaks before the answer. */
  reply: Promise<WireReply>;
}

interface WireOptions {
  method?: string;
  headers?: Record<string, string | number>;
  agent?: Agent;
  /** As it is sent; that of a URL is tidied first. */
  path?: string;
}

/** Begins a request as `admin`. */
export function beginRequest(url: string, options: WireOptions = {}) {
  const authorization = basic('admin', ADMIN_PASSWORD);
  const headers = { authorization, ...options.headers };
  const begun = request(url, { ...options, headers });
  const { promise: reply, resolve, reject } = Promise.withResolvers<WireReply>();
  reply.catch(() => {}); // not every test waits for it
  begun.on('error', reject);
  begun.on('response', (message) => {
    buffer(message).then((body) => {
      const json = () => JSON.parse(body.toString('utf8'));
      resolve({ statusCode: message.statusCode!, headers: message.headers, body, json });
    }, reject);
  });
  return { request: begun, reply } satisfies WireRequest;
}

/** Sends a whole request as `admin`. */
export async function send(
  url: string,
  { body, ...options }: WireOptions & { body?: Buffer | string } = {},
): Promise<WireReply> {
  const { request, reply } = beginRequest(url, options);
  request.end(body);
  return reply;
}
