import { setTimeout as sleep } from 'node:timers/promises';

import type { Random } from '../fuzz/random.ts';
import { IMAGE, INDEX, makeImage, makeIndex, makeLayer, type Layer } from './content.ts';
import type { Effect } from './fact.ts';
import { findDeletion } from './find-deletion.ts';
import { Ledger, type Artifact } from './ledger.ts';
import { lookAtAll, lookAtArtifact, lookAtLayer, lookAtTag, lookAtTags } from './look.ts';
import * as push from './push-layer.ts';
import { describe, type Answer, type Wire } from './wire.ts';

/** Tags that are moved again and again. */
const TAGS = 8;

export interface CustomerOptions {
  name: string;
  project: string;
  wire: Wire;
  random: Random;
  /** The collector takes blobs at once: one that was pushed may be gone before its manifest comes. */
  isCollectedAtOnce?: boolean;
  /** What is deleted is gone at once: nothing can be restored. */
  hasNoTrash?: boolean;
}

interface Change {
  ask(): Promise<Answer | undefined>;
  statuses: number[];
  /** When it is asked again: it was done the time before. */
  statusesAgain?: number[];
  signal: AbortSignal;
}

/** Pushes, pulls, deletes and restores in a repository of its own, and knows what has to be there. */
export class Customer {
  readonly ledgers: Ledger[] = [];
  /** What no server may do. */
  readonly complaints: string[] = [];
  /** What was acknowledged, by what it was. */
  readonly done: Record<string, number> = {};
  readonly #options: CustomerOptions;
  #ledger: Ledger;
  #made = 0;

  constructor(options: CustomerOptions) {
    this.#options = options;
    this.#ledger = this.#openRepository();
  }

  /** How much was acknowledged. */
  get progress(): number {
    return Object.values(this.done).reduce((sum, count) => sum + count, 0);
  }

  async live(signal: AbortSignal): Promise<void> {
    const acts = [
      ...Array.from({ length: 8 }, () => () => this.#pushImage(signal)),
      ...Array.from({ length: 6 }, () => () => this.#pull()),
      ...Array.from({ length: 3 }, () => () => this.#deleteTag(signal)),
      ...Array.from({ length: 3 }, () => () => this.#deleteArtifact(signal)),
      ...Array.from({ length: 2 }, () => () => this.#pushIndex(signal)),
      () => this.#resumeUpload(signal),
    ];
    if (this.#options.hasNoTrash !== true) {
      acts.push(...Array.from({ length: 3 }, () => () => this.#restoreArtifact(signal)));
      acts.push(() => this.#deleteAndRestoreAll(signal));
    }
    while (!signal.aborted) await this.#options.random.pick(acts)();
  }

  /** Reads all that has to be there. */
  async lookAtAll(): Promise<void> {
    for (const ledger of this.ledgers) await lookAtAll(this.#pushing(ledger), ledger);
  }

  #openRepository(): Ledger {
    const { project, name } = this.#options;
    const ledger = new Ledger(`${project}/${name}-${this.ledgers.length}`);
    this.ledgers.push(ledger);
    return ledger;
  }

  #pushing(ledger = this.#ledger): push.Pushing {
    const { wire } = this.#options;
    const complain = (what: string) => void this.complaints.push(what);
    return { wire, repository: ledger.repository, complain };
  }

  #count(what: string): void {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  async #pushImage(signal: AbortSignal): Promise<void> {
    const { random, name } = this.#options;
    const known = this.#pickArtifact(({ mediaType }) => mediaType === IMAGE);
    if (known !== undefined && random.below(4) === 0) {
      await this.#pushArtifact(known, signal);
      return;
    }
    const { bytes, layers } = makeImage(`${name} ${this.#made++}`, random);
    await this.#pushArtifact(this.#ledger.artifact(IMAGE, bytes, layers), signal);
  }

  async #pushIndex(signal: AbortSignal): Promise<void> {
    const image = this.#pickArtifact(
      ({ isLive, mediaType }) => mediaType === IMAGE && isLive.is(true),
    );
    if (image === undefined) return;
    const bytes = makeIndex(`${this.#options.name} ${this.#made++}`, [image]);
    await this.#pushArtifact(this.#ledger.artifact(INDEX, bytes, []), signal);
  }

  async #pushArtifact(artifact: Artifact, signal: AbortSignal): Promise<void> {
    const ledger = this.#ledger;
    const tag = this.#pickTag();
    const path = `/v2/${ledger.repository}/manifests/${tag}`;
    for (;;) {
      for (const layer of artifact.layers) await this.#pushLayer(layer, signal);
      if (signal.aborted) return;
      const status = await this.#change('push', ledger.push(artifact, tag), {
        signal,
        statuses: this.#options.isCollectedAtOnce === true ? [201, 404] : [201],
        ask: () =>
          this.#options.wire.ask('PUT', path, {
            headers: { 'content-type': artifact.mediaType },
            body: artifact.bytes,
          }),
      });
      if (status !== 404) return;
    }
  }

  async #pushLayer(layer: Layer, signal: AbortSignal): Promise<void> {
    const { random, isCollectedAtOnce, project, name } = this.#options;
    const pushing = this.#pushing();
    const ways = [
      () => push.pushAtOnce(pushing, layer),
      () => push.pushInChunks(pushing, layer),
      () => push.mount(pushing, layer, `${project}/${name.replace(/\d/, '1')}-0`),
    ];
    while (!signal.aborted) {
      if (await random.pick(ways)()) {
        this.#count('layer');
        if (isCollectedAtOnce !== true) this.#ledger.layers.set(layer.digest, layer);
        return;
      }
      await sleep(20);
    }
  }

  async #resumeUpload(signal: AbortSignal): Promise<void> {
    const { name, isCollectedAtOnce } = this.#options;
    const layer = makeLayer(`resumed ${name} ${this.#made++}`, 1_500_000);
    if (!(await push.pushAndResume(this.#pushing(), layer, signal))) return;
    this.#count('resumable upload');
    if (isCollectedAtOnce !== true) this.#ledger.layers.set(layer.digest, layer);
  }

  async #deleteTag(signal: AbortSignal): Promise<void> {
    const ledger = this.#ledger;
    const tag = this.#pickUsedTag();
    if (tag === undefined) return;
    const path = `/v2/${ledger.repository}/manifests/${tag}`;
    await this.#change('tag deleted', ledger.deleteTag(tag), {
      signal,
      statuses: [202],
      statusesAgain: [404],
      ask: () => this.#options.wire.ask('DELETE', path),
    });
    await lookAtTag(this.#pushing(), ledger, tag);
  }

  async #deleteArtifact(signal: AbortSignal): Promise<void> {
    const ledger = this.#ledger;
    const artifact = this.#pickArtifact(({ isLive }) => isLive.is(true));
    if (artifact === undefined) return;
    const path = `/v2/${ledger.repository}/manifests/${artifact.digest}`;
    await this.#change('artifact deleted', ledger.deleteArtifact(artifact), {
      signal,
      statuses: [202],
      statusesAgain: [404],
      ask: () => this.#options.wire.ask('DELETE', path),
    });
    await lookAtArtifact(this.#pushing(), ledger, artifact);
  }

  async #restoreArtifact(signal: AbortSignal): Promise<void> {
    const ledger = this.#ledger;
    const artifact = this.#pickArtifact(({ isLive, wasDeleted }) => wasDeleted && isLive.is(false));
    if (artifact === undefined) return;
    const wanted = { kind: 'artifact', digest: artifact.digest } as const;
    const id = await findDeletion(this.#pushing(), wanted);
    if (id === undefined) return;
    await this.#change('artifact restored', ledger.restore(artifact), {
      signal,
      statuses: [200],
      statusesAgain: [404],
      ask: () => this.#restore(id, { without_used_tags: true }),
    });
    await lookAtArtifact(this.#pushing(), ledger, artifact);
  }

  async #deleteAndRestoreAll(signal: AbortSignal): Promise<void> {
    const ledger = this.#ledger;
    if (!ledger.isUsed) return;
    const [project, name] = ledger.repository.split('/') as [string, string];
    const { effects, restoring } = ledger.deleteRepository();
    const options = { signal, statuses: [200], statusesAgain: [404] };
    const path = `/api/v2.0/projects/${project}/repositories/${name}`;
    const ask = () => this.#options.wire.ask('DELETE', path);
    const deleted = await this.#change('repository deleted', effects, { ...options, ask });
    await lookAtTags(this.#pushing(), ledger);
    const id =
      deleted === 0 ? undefined : await findDeletion(this.#pushing(), { kind: 'repository' });
    if (id !== undefined) {
      const ask = () => this.#restore(id, {});
      await this.#change('repository restored', restoring, { ...options, ask });
      await lookAtTags(this.#pushing(), ledger);
    }
    if (!ledger.isUsed) this.#ledger = this.#openRepository();
  }

  #restore(id: string, body: object): Promise<Answer | undefined> {
    return this.#options.wire.ask('POST', `/api/v2.0/trash/${id}/restore`, {
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(body)),
    });
  }

  async #pull(): Promise<void> {
    const { random } = this.#options;
    const ledger = random.pick(this.ledgers);
    const pushing = this.#pushing(ledger);
    const [tags, artifacts] = [[...ledger.tags.keys()], [...ledger.artifacts.values()]];
    if (artifacts.length === 0 || tags.length === 0) return;
    const artifact = await lookAtTag(pushing, ledger, random.pick(tags));
    await lookAtArtifact(pushing, ledger, random.pick(artifacts));
    await lookAtTags(pushing, ledger);
    if (artifact === undefined || artifact.layers.length === 0) return;
    await lookAtLayer(pushing, random.pick(artifact.layers));
    this.#count('pull');
  }

  /** Asks until there is an answer, or now and then only once. Answers the status; 0: nobody knows. */
  async #change(what: string, effects: Effect[], request: Change): Promise<number> {
    const { ask, statuses, statusesAgain = [], signal } = request;
    let answer = await ask();
    let wasLost = false;
    for (; answer === undefined; answer = await ask()) {
      wasLost = true;
      for (const tell of effects) tell(false);
      if (signal.aborted || this.#options.random.below(2) === 0) return 0;
      await sleep(50);
    }
    const { status } = answer;
    const isDone = wasLost && statusesAgain.includes(status);
    if (!isDone && !statuses.includes(status)) {
      this.complaints.push(`${what} in ${this.#ledger.repository}: ${describe(answer)}`);
    }
    if (!isDone && status >= 300) return status;
    for (const tell of effects) tell(true);
    this.#count(what);
    return status;
  }

  #pickArtifact(is: (artifact: Artifact) => boolean): Artifact | undefined {
    const found = [...this.#ledger.artifacts.values()].filter(is);
    return found.length === 0 ? undefined : this.#options.random.pick(found);
  }

  /** A tag that points to something for certain. */
  #pickUsedTag(): string | undefined {
    const used = [...this.#ledger.tags].filter(([, fact]) => fact.isCertain && !fact.allows(null));
    return used.length === 0 ? undefined : this.#options.random.pick(used)[0];
  }

  /** A tag to push to: another one where nobody knows where the last one points. */
  #pickTag(): string {
    const slot = this.#options.random.below(TAGS);
    for (let turn = 0; ; turn++) {
      const name = `t${slot}.${turn}`;
      if (this.#ledger.tag(name).isCertain) return name;
    }
  }
}
