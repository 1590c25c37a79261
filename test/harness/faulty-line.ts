/** Stands between a server and its store: breaks connections and answers in the store's place. */
import { once } from 'node:events';
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import type { TestContext } from 'node:test';

export interface Fault {
  /** Which requests it may hit: `PUT /bucket/key?partNumber=1…`. */
  on: RegExp;
  /** How many of them. */
  times: number;
  /** An answer in the store's place, with this S3 error code. */
  answer?: { status: number; code: string };
  /** Or: the connection breaks when so many bytes of the request's body have come. */
  breakRequestAfter?: number;
  /** Or: when so many bytes of the answer's body have gone back. */
  breakReplyAfter?: number;
  /** Or: the store does it, and its answer is lost. */
  loseReply?: boolean;
}

export interface FaultyLine {
  url: string;
  faults: Fault[];
  /** The requests that came, as `PUT /bucket/key`, each attempt. */
  seen: string[];
  /** Bytes of answers that went back. */
  sentBack(): number;
}

export async function startFaultyLine(t: TestContext, target: string): Promise<FaultyLine> {
  const faults: Fault[] = [];
  const seen: string[] = [];
  let sentBack = 0;

  function pass(request: IncomingMessage, response: ServerResponse): void {
    const { method, url: path, headers } = request;
    const line = `${method} ${path}`;
    seen.push(line);
    const fault = faults.find(({ on, times }) => times > 0 && on.test(line));
    if (fault !== undefined) fault.times--;
    if (fault?.answer !== undefined) {
      answer(request, response, fault.answer);
      return;
    }
    const cut = () => request.socket.destroy();
    const onward = forward(target + path, { method: method!, headers }, (reply) => {
      if (fault?.loseReply === true) {
        cut();
        return;
      }
      reply.on('data', (chunk: Buffer) => (sentBack += chunk.length));
      response.writeHead(reply.statusCode!, reply.headers);
      breakAfter(reply, fault?.breakReplyAfter, cut).pipe(response);
    });
    onward.on('error', cut);
    breakAfter(request, fault?.breakRequestAfter, () => {
      cut();
      onward.destroy();
    }).pipe(onward);
  }

  const server = createServer(pass).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, faults, seen, sentBack: () => sentBack };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code }: NonNullable<Fault['answer']>,
): void {
  request.resume();
  request.on('end', () => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`,
    );
  });
}

/** The stream itself, or up to `bytes` of it. */
function breakAfter(stream: IncomingMessage, bytes: number | undefined, cut: () => void) {
  if (bytes === undefined) return stream;
  let passed = 0;
  return stream.pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        passed += chunk.length;
        done(null, chunk);
        if (passed >= bytes) setTimeout(cut, 20);
      },
    }),
  );
}
