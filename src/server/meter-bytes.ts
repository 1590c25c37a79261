import type { FastifyReply, FastifyRequest } from 'fastify';

type Write = (this: unknown, chunk?: unknown, ...rest: unknown[]) => unknown;

/**
 * Tells `count` how many bytes of the request's body come and of the answer's body go, as they do. Whoever
 * reads and writes them does so in many ways, so this sits where all of them end.
 */
export function meterBytes(
  { raw: request }: FastifyRequest,
  { raw: response }: FastifyReply,
  count: (bytes: number) => void,
): void {
  const [push, write, end] = [request.push, response.write, response.end] as unknown as Write[];
  let isEnding = false;

  const countChunk = (chunk: unknown): void => {
    if (typeof chunk === 'string') count(Buffer.byteLength(chunk));
    else if (chunk instanceof Uint8Array) count(chunk.byteLength);
  };
  const counting = (pass: Write): Write =>
    function counted(chunk, ...rest) {
      if (!isEnding) countChunk(chunk);
      return pass.call(this, chunk, ...rest);
    };

  Object.assign(request, { push: counting(push!) });
  Object.assign(response, {
    write: counting(write!),
    end: function countedEnd(this: unknown, chunk?: unknown, ...rest: unknown[]) {
      countChunk(chunk);
      isEnding = true; // for HTTP/2 it calls `write`
      return end!.call(this, chunk, ...rest);
    },
  });
}
