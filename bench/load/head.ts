import { connect, type Socket } from 'node:net';

import { toText, type PlainRequest, type Rate } from './requests.ts';

/** HEAD requests on raw sockets: an answer is a head and nothing else, so its end is all that is looked for. */
export async function runHead(run: {
  port: number;
  requests: PlainRequest[];
  connections: number;
  seconds: number;
}): Promise<Rate> {
  const texts = run.requests.map((request) => Buffer.from(toText(run.port, request)));
  const until = performance.now() + run.seconds * 1000;
  const begin = performance.now();
  const times: number[][] = [];
  let next = 0;
  const takeNext = () => {
    if (performance.now() >= until) return undefined;
    next = (next + 1) % texts.length;
    return texts[next];
  };
  await Promise.all(
    Array.from({ length: run.connections }, async () => {
      times.push(await runConnection(run.port, takeNext));
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  const all = Float64Array.from(times.flat()).sort();
  const percentile = (part: number) => all[Math.floor(all.length * part)] ?? 0;
  return { perSecond: all.length / seconds, p50Ms: percentile(0.5), p99Ms: percentile(0.99) };
}

const RETURN = 0x0d;
const NEWLINE = 0x0a;
const CODE_AT = 'HTTP/1.1 '.length;

/** Sends one request after another; answers how long each took, in milliseconds. */
function runConnection(port: number, takeNext: () => Buffer | undefined): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    let begin = 0;
    let isFresh = true;
    const send = (socket: Socket) => {
      const request = takeNext();
      if (request === undefined) {
        socket.destroy();
        resolve(times);
        return;
      }
      begin = performance.now();
      isFresh = true;
      socket.write(request);
    };
    const receive = (count: number, buffer: Uint8Array): boolean => {
      if (isFresh && buffer[CODE_AT] !== 0x32) {
        socket.destroy();
        reject(new Error(`refused: ${Buffer.from(buffer.subarray(0, count)).toString()}`));
        return false;
      }
      isFresh = false;
      if (endsHead(buffer, count)) {
        times.push(performance.now() - begin);
        send(socket);
      }
      return true;
    };
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: { buffer: Buffer.alloc(16 * 1024), callback: receive },
    });
    socket.on('connect', () => send(socket));
    socket.on('error', reject);
    socket.on('end', () => reject(new Error('the server closed a connection')));
  });
}

const endsHead = (buffer: Uint8Array, count: number) =>
  buffer[count - 1] === NEWLINE && buffer[count - 2] === RETURN && buffer[count - 3] === NEWLINE;
