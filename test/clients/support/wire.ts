import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as forward } from 'node:http';
import { Transform } from 'node:stream';

export interface Seen {
  method: string;
  path: string;
  status: number;
}

/** Stands between a client and the server: sees each request, and can break the line. */
export interface Wire {
  address: string;
  /** The finished requests, oldest first. */
  seen: Seen[];
  /** The next upload of blob bytes ends in the middle: both sides lose their connection. */
  breakUploadAfter(bytes: number): void;
  /** How many uploads were broken. */
  broken(): number;
  stop(): Promise<void>;
}

export async function startWire(target: string): Promise<Wire> {
  const seen: Seen[] = [];
  let breakAfter = Infinity;
  let broken = 0;

  /** Lets a body through up to the break. */
  function meter(cut: () => void): Transform {
    let passed = 0;
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        passed += chunk.length;
        if (passed < breakAfter) return done(null, chunk);
        breakAfter = Infinity;
        broken += 1;
        this.push(chunk);
        setTimeout(cut, 200); // what came so far has reached the server
      },
    });
  }

  function pass(request: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url: path = '/', headers } = request;
    const [host, port] = target.split(':');
    const onward = forward({ host, port, method, path, headers }, (reply) => {
      seen.push({ method, path, status: reply.statusCode ?? 0 });
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    onward.on('error', () => response.destroy());
    const cut = () => {
      request.socket.destroy();
      onward.destroy();
    };
    const isUpload = path.includes('/blobs/uploads/') && method !== 'POST';
    (isUpload ? request.pipe(meter(cut)) : request).pipe(onward);
  }

  const server = createServer(pass).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  return {
    address: `127.0.0.1:${typeof bound === 'object' ? bound?.port : bound}`,
    seen,
    breakUploadAfter: (bytes) => (breakAfter = bytes),
    broken: () => broken,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
