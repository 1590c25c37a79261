import { Readable, Writable } from 'node:stream';

import type pg from 'pg';

/** Rows come one by one; handing them on in larger pieces costs a tenth. */
const GATHER_BYTES = 64 * 1024;

/** What pg's connection does for COPY; its types leave it out. */
interface CopyConnection {
  stream: NodeJS.ReadWriteStream & { writableNeedDrain: boolean };
  query(text: string): void;
  sendCopyFromChunk(chunk: Uint8Array): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
}

type Done = (error?: Error | null) => void;

const copiedRows = ({ text }: { text: string }) => Number(/^COPY (\d+)/.exec(text)![1]);

/** The rows of `copy … to stdout`. Given up half-way, it needs the end of its connection. */
export class CopyOut extends Readable implements pg.Submittable {
  /** How many, at the end. */
  rows = 0;
  readonly #statement: string;
  #connection: CopyConnection | undefined;
  #gathered = Buffer.allocUnsafeSlow(GATHER_BYTES);
  #length = 0;

  constructor(statement: string) {
    super({ highWaterMark: 4 * GATHER_BYTES });
    this.#statement = statement;
  }

  submit(connection: unknown): void {
    this.#connection = connection as CopyConnection;
    this.#connection.query(this.#statement);
  }

  /** The chunk is good during this call only. */
  handleCopyData({ chunk }: { chunk: Buffer }): void {
    for (let rest = chunk; rest.byteLength > 0;) {
      const taken = rest.copy(this.#gathered, this.#length);
      this.#length += taken;
      rest = rest.subarray(taken);
      if (this.#length === GATHER_BYTES) this.#flush();
    }
  }

  handleCommandComplete(message: { text: string }): void {
    this.rows = copiedRows(message);
  }

  handleReadyForQuery(): void {
    this.#flush();
    this.push(null);
    this.#connection!.stream.resume(); // nobody asks for more any more
  }

  handleError(error: Error): void {
    this.destroy(error);
  }

  override _read(): void {
    this.#connection?.stream.resume();
  }

  #flush(): void {
    const bytes = this.#gathered.subarray(0, this.#length);
    this.#gathered = Buffer.allocUnsafeSlow(GATHER_BYTES);
    this.#length = 0;
    if (bytes.byteLength > 0 && !this.push(bytes)) this.#connection!.stream.pause();
  }
}

/** Takes the rows of `copy … from stdin`, and finishes when PostgreSQL has them all. */
export class CopyIn extends Writable implements pg.Submittable {
  /** How many, at the end. */
  rows = 0;
  readonly #statement: string;
  #connection: CopyConnection | undefined;
  #ready: Done = () => {};
  #finish: Done = () => {};

  constructor(statement: string) {
    super();
    this.#statement = statement;
  }

  override _construct(ready: Done): void {
    this.#ready = ready;
  }

  submit(connection: unknown): void {
    this.#connection = connection as CopyConnection;
    this.#connection.query(this.#statement);
  }

  handleCopyInResponse(): void {
    this.#ready();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    const { stream } = this.#connection!;
    this.#connection!.sendCopyFromChunk(chunk);
    if (stream.writableNeedDrain) stream.once('drain', done);
    else done();
  }

  override _final(done: Done): void {
    this.#finish = done;
    this.#connection!.endCopyFrom();
  }

  handleCommandComplete(message: { text: string }): void {
    this.rows = copiedRows(message);
  }

  handleReadyForQuery(): void {
    this.#finish();
  }

  handleError(error: Error): void {
    this.#ready(error);
    this.destroy(error);
  }
}
