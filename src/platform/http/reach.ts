import { connect } from 'node:net';

const TIMEOUT_MS = 3000;

/** Whether somebody takes a TCP connection at `host:port`; an IPv6 address stands in brackets. */
export async function isReachable(endpoint: string): Promise<boolean> {
  const { host, port } = /^\[?(?<host>.*?)\]?:(?<port>\d+)$/.exec(endpoint)!.groups!;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: host!, port: Number(port), timeout: TIMEOUT_MS });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.once('timeout', () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
