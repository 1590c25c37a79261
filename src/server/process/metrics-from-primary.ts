import { AggregatorRegistry } from 'prom-client';

/** Asks the primary process for the figures of all workers: a scrape reaches only one of them. */
export class MetricsFromPrimary {
  readonly #ask: (id: number) => void;
  readonly #waiting = new Map<number, (text: string) => void>();
  #lastId = 0;

  constructor(ask: (id: number) => void) {
    this.#ask = ask;
  }

  async collect(): Promise<{ contentType: string; text: string }> {
    const id = (this.#lastId += 1);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.set(id, resolve);
    this.#ask(id);
    return { contentType: AggregatorRegistry.PROMETHEUS_CONTENT_TYPE, text: await promise };
  }

  receive(id: number, text: string): void {
    this.#waiting.get(id)?.(text);
    this.#waiting.delete(id);
  }
}
