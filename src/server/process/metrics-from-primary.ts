import { AggregatorRegistry } from 'prom-client';

import { Refusal } from '../../lib/errors.ts';

/** Asks the primary process for the figures of all workers: a scrape reaches only one of them. */
export class MetricsFromPrimary {
  readonly #ask: (id: number) => void;
  readonly #waiting = new Map<number, (text: string | undefined) => void>();
  #lastId = 0;

  constructor(ask: (id: number) => void) {
    this.#ask = ask;
  }

  async collect(): Promise<{ contentType: string; text: string }> {
    const id = (this.#lastId += 1);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#waiting.set(id, resolve);
    this.#ask(id);
    const text = await promise;
    if (text === undefined) throw new Refusal('UNAVAILABLE', 'a worker did not report its figures');
    return { contentType: AggregatorRegistry.PROMETHEUS_CONTENT_TYPE, text };
  }

  receive(id: number, text: string | undefined): void {
    this.#waiting.get(id)?.(text);
    this.#waiting.delete(id);
  }
}
