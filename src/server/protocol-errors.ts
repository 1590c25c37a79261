import type { IncomingMessage, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

import type { FastifyRequest } from 'fastify';

import { Refusal } from '../lib/errors.ts';
import { toBody } from './reply-error.ts';

const TYPE = 'application/json; charset=utf-8';

/** Answers what is no HTTP, or not in time: no request is made of it, so no hook or handler runs. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  const { _httpMessage: current } = socket as Socket & { _httpMessage?: ServerResponse | null };
  // In the middle of an answer another one would be taken for a part of it.
  if (!socket.writable || error.code === 'ECONNRESET' || current?.headersSent === true) {
    socket.destroy();
    return;
  }
  const [status, code, message] = describe(error.code);
  const body = JSON.stringify(toBody(code, message));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function describe(code: string | undefined): [status: number, code: string, message: string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'BAD_REQUEST', 'bad request: the headers are too large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'REQUEST_TIMEOUT', 'the request did not come in time'];
    default:
      return [400, 'BAD_REQUEST', 'bad request: this is not HTTP'];
  }
}

/** `Expect: 100-continue` is the only expectation there is (RFC 9110 §10.1.1). */
export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(417, { 'content-type': TYPE, connection: 'close' });
  response.end(
    JSON.stringify(toBody('BAD_REQUEST', 'bad request: of Expect only 100-continue is known')),
  );
}

/** RFC 9112 §3.2: proxies that take another of two hosts than we do would send it to the wrong place. */
export function requireOneHost({ raw }: FastifyRequest): void {
  if (raw.httpVersionMajor !== 1) return;
  const hosts = raw.rawHeaders.filter((text, index) => index % 2 === 0 && /^host$/i.test(text));
  if (hosts.length === 1 || (hosts.length === 0 && raw.httpVersion === '1.0')) return;
  throw new Refusal('BAD_REQUEST', 'bad request: there must be one Host header');
}
