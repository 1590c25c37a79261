import { connect, type Socket } from 'node:net';

const TIMEOUT_MS = 3000;

/** Whether somebody takes a TCP connection at `host:port`; an IPv6 address stands in brackets. */
export async function isReachable(endpoint: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connectTo(endpoint);
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.once('timeout', () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** Sends a text there, over a connection of its own, and waits until the other side has closed it, or is silent. */
export async function sendText(endpoint: string, text: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connectTo(endpoint);
  socket.once('close', () => resolve());
  const fail = (cause?: Error) => reject(new Error(`${endpoint} takes nothing`, { cause }));
  socket.once('error', fail);
  socket.once('timeout', () => (socket.writableFinished ? resolve() : fail()));
  socket.resume(); // what it answers is of no interest
  socket.end(text);
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}

function connectTo(endpoint: string): Socket {
  const { host, port } = /^\[?(?<host>.*?)\]?:(?<port>\d+)$/.exec(endpoint)!.groups!;
  return connect({ host: host!, port: Number(port), timeout: TIMEOUT_MS });
}
