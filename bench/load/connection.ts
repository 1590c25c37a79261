import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { readHead, type Head } from './head-of.ts';

export interface Answer extends Head {
  body: Buffer;
}

export interface Body {
  sizeBytes: number;
  chunks: Iterable<Buffer>;
}

/** One keep-alive connection, one request at a time. */
export class Connection {
  readonly #socket: Socket;
  readonly #host: string;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #wake: () => void = () => {};
  #failure: Error | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    const fail = (error: Error) => {
      this.#failure ??= error;
      this.#wake();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#receivedBytes += chunk.length;
      this.#wake();
    });
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the server closed a connection')));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket, `127.0.0.1:${port}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  async request(
    method: string,
    path: string,
    options: { authorization?: string | undefined; type?: string; body?: Body | Buffer } = {},
  ): Promise<Answer> {
    const { authorization, type, body } = options;
    const sizeBytes = Buffer.isBuffer(body) ? body.length : (body?.sizeBytes ?? 0);
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${this.#host}`,
      'User-Agent: bench',
      ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      ...(type === undefined ? [] : [`Content-Type: ${type}`]),
      ...(method === 'GET' ? [] : [`Content-Length: ${sizeBytes}`]),
    ];
    const text = Buffer.from(`${head.join('\r\n')}\r\n\r\n`);
    if (Buffer.isBuffer(body)) this.#socket.write(Buffer.concat([text, body]));
    else {
      this.#socket.write(text);
      for (const chunk of body?.chunks ?? []) await this.#write(chunk);
    }
    return this.#readAnswer();
  }

  /** Fails unless the answer has one of these statuses. */
  async expect(status: number, ...request: Parameters<Connection['request']>): Promise<Answer> {
    const answer = await this.request(...request);
    if (answer.status === status) return answer;
    throw new Error(`${request[0]} ${request[1]}: ${answer.status} ${answer.body.toString()}`);
  }

  async #write(chunk: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#socket.write(chunk)) await once(this.#socket, 'drain');
  }

  async #readAnswer(): Promise<Answer> {
    for (;;) {
      const bytes = this.#peek();
      const head = readHead(bytes);
      if (head === undefined) {
        await this.#more();
        continue;
      }
      this.#drop(head.headBytes);
      const body = head.isChunked ? await this.#readChunked() : await this.#take(head.bodyBytes);
      return { ...head, body };
    }
  }

  async #readChunked(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const line = this.#peek().indexOf('\r\n');
      if (line < 0) {
        await this.#more();
        continue;
      }
      const sizeBytes = Number.parseInt((await this.#take(line + 2)).toString(), 16);
      const part = await this.#take(sizeBytes + 2);
      if (sizeBytes === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, sizeBytes));
    }
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#receivedBytes < count) await this.#more();
    const bytes = this.#peek().subarray(0, count);
    this.#drop(count);
    return bytes;
  }

  #peek(): Buffer {
    if (this.#received.length !== 1) this.#received = [Buffer.concat(this.#received)];
    return this.#received[0]!;
  }

  #drop(count: number): void {
    this.#received = [this.#peek().subarray(count)];
    this.#receivedBytes -= count;
  }

  /** Waits for bytes that have not come yet. */
  async #more(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }
}
