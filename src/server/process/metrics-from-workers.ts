import { AggregatorRegistry } from 'prom-client';

/** Less than the ten seconds that Prometheus waits. */
const TIMEOUT_MS = 8000;

interface Question {
  waitingFor: Set<number>;
  reports: object[];
  resolve: (reports: object[] | undefined) => void;
}

/** Adds up the figures of the workers, in the primary process. */
export class MetricsFromWorkers {
  readonly #ask: (worker: number, id: number) => void;
  readonly #questions = new Map<number, Question>();
  #lastId = 0;

  constructor(ask: (worker: number, id: number) => void) {
    this.#ask = ask;
  }

  /** Undefined when a worker does not report: a sum without it would look like a counter that went back. */
  async collect(workers: number[]): Promise<string | undefined> {
    const id = (this.#lastId += 1);
    const { promise, resolve } = Promise.withResolvers<object[] | undefined>();
    this.#questions.set(id, { waitingFor: new Set(workers), reports: [], resolve });
    const timer = setTimeout(() => resolve(undefined), TIMEOUT_MS);
    for (const worker of workers) this.#ask(worker, id);
    const reports = await promise;
    clearTimeout(timer);
    this.#questions.delete(id);
    return reports === undefined ? undefined : AggregatorRegistry.aggregate(reports).metrics();
  }

  receive(worker: number, id: number, figures: object[]): void {
    const question = this.#questions.get(id);
    if (question?.waitingFor.delete(worker) !== true) return;
    question.reports.push(figures);
    if (question.waitingFor.size === 0) question.resolve(question.reports);
  }

  /** A worker that ended reports nothing more. */
  forget(worker: number): void {
    for (const { waitingFor, reports, resolve } of this.#questions.values()) {
      if (waitingFor.delete(worker) && waitingFor.size === 0) resolve(reports);
    }
  }
}
