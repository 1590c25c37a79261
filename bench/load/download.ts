import { connect } from 'node:net';

import { readHead } from './head-of.ts';
import { toText, type PlainRequest } from './requests.ts';

const READ_BYTES = 1024 * 1024;

/** Reads one large answer into a buffer that is used again and again; answers the bytes of its body. */
export function download(port: number, request: PlainRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    let head: Buffer | undefined = Buffer.alloc(0);
    let left = 0;
    let size = 0;
    const receive = (count: number, buffer: Uint8Array): boolean => {
      if (head === undefined) left -= count;
      else {
        head = Buffer.concat([head, buffer.subarray(0, count)]);
        const read = readHead(head);
        if (read === undefined) return true;
        if (read.status !== 200 || read.isChunked) {
          reject(new Error(`${request.path}: ${head.toString('latin1', 0, 1000)}`));
          socket.destroy();
          return false;
        }
        size = read.bodyBytes;
        left = read.headBytes + size - head.length;
        head = undefined;
      }
      if (left === 0) {
        socket.destroy();
        resolve(size);
      }
      return true;
    };
    const socket = connect({
      port,
      host: '127.0.0.1',
      onread: { buffer: Buffer.alloc(READ_BYTES), callback: receive },
    });
    socket.on('connect', () => socket.write(toText(port, request)));
    socket.on('error', reject);
    socket.on('end', () => reject(new Error(`${request.path}: the answer was cut off`)));
  });
}
