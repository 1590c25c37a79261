import { isIP } from 'node:net';

import type { FastifyRequest } from 'fastify';

/**
 * Where the request came from, as limits and logs name it. A trusted proxy may add a port, or say something that
 * is no address: then it is the proxy's own.
 */
export function clientAddress({ ip, socket }: FastifyRequest): string {
  const peer = plain(socket.remoteAddress ?? '');
  const address = plain(withoutPort(ip ?? ''));
  return isIP(address) > 0 ? address : peer || 'gone'; // the connection has just ended
}

const withoutPort = (address: string): string =>
  /^\[([^\]]*)\](?::\d*)?$/.exec(address)?.[1] ?? /^([\d.]+):\d*$/.exec(address)?.[1] ?? address;

/** IPv4 clients come to the address `::` in IPv6's clothes, which no rule and no reader of a log expects. */
const plain = (address: string): string =>
  /^::ffff:(?=\d+\.)/i.test(address) ? address.slice('::ffff:'.length) : address;
