import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

/** Longer than anything should take, however loaded the machine is. */
const TIMEOUT_MS = 120_000;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

interface Options {
  headers?: Record<string, string | number>;
  body?: Buffer | AsyncIterable<Buffer>;
}

/** One client's connection to a registry, used again and again as clients do. */
export class Wire {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  /** Requests of which nobody knows whether they were done. */
  lost = 0;
  /** Answers that no server may give, whatever happens to it. */
  readonly faults: string[] = [];

  constructor(url: string, headers: Record<string, string>) {
    this.#url = url;
    this.#headers = headers;
  }

  /** The answer; undefined when the connection broke, or the server could not do it now, and perhaps did. */
  async ask(method: string, path: string, options: Options = {}): Promise<Answer | undefined> {
    const answer = await this.#send(method, path, options).catch(() => undefined);
    if (answer !== undefined && answer.status < 500) return answer;
    this.lost += 1;
    const isTold = [undefined, 503, 507].includes(answer?.status);
    if (!isTold) this.faults.push(`${method} ${path}: ${describe(answer)}`);
    return undefined;
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, { headers, body }: Options): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const length = Buffer.isBuffer(body) ? { 'content-length': body.length } : {};
    const sent = request(this.#url + path, {
      method,
      agent: this.#agent,
      headers: { ...this.#headers, ...length, ...headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    sent.on('error', reject);
    sent.on('response', (reply) => {
      const { statusCode: status = 0, headers } = reply;
      buffer(reply).then((bytes) => resolve({ status, headers, body: bytes }), reject);
    });
    if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
    else Readable.from(body).on('error', reject).pipe(sent);
    return promise;
  }
}

export const describe = (answer: Answer | undefined): string =>
  answer === undefined ? 'no answer' : `${answer.status} ${answer.body.toString().slice(0, 300)}`;
