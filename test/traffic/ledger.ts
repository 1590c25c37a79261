import { digestOf, type Layer } from './content.ts';
import { effect, effectFrom, Fact, type Effect } from './fact.ts';

export interface Artifact {
  digest: string;
  mediaType: string;
  bytes: Buffer;
  /** What has to be there as long as it is. */
  layers: Layer[];
  isLive: Fact<boolean>;
  wasDeleted: boolean;
  /** Of its last deletion. */
  tagsInTrash: string[];
}

/** What the only one who pushes to a repository knows of it. */
export class Ledger {
  readonly repository: string;
  /** Digests by tag; null: there is no such tag. */
  readonly tags = new Map<string, Fact<string | null>>();
  readonly artifacts = new Map<string, Artifact>();
  /** What was acknowledged, with or without a manifest; there as long as the repository is. */
  readonly layers = new Map<string, Layer>();
  readonly isThere = new Fact(true);

  constructor(repository: string) {
    this.repository = repository;
  }

  /** Something is in it for certain. */
  get isUsed(): boolean {
    return [...this.artifacts.values()].some(({ isLive }) => isLive.is(true));
  }

  /** An artifact that is about to be pushed, perhaps not for the first time. */
  artifact(mediaType: string, bytes: Buffer, layers: Layer[]): Artifact {
    const digest = digestOf(bytes);
    const known = this.artifacts.get(digest);
    if (known !== undefined) return known;
    const isLive = new Fact(false);
    const deletion = { wasDeleted: false, tagsInTrash: [] };
    const artifact = { digest, mediaType, bytes, layers, isLive, ...deletion };
    this.artifacts.set(digest, artifact);
    return artifact;
  }

  tag(name: string): Fact<string | null> {
    const known = this.tags.get(name);
    if (known !== undefined) return known;
    const fact = new Fact<string | null>(null);
    this.tags.set(name, fact);
    return fact;
  }

  push({ digest, isLive }: Artifact, tag: string): Effect[] {
    return [effect(isLive, true), effect(this.tag(tag), digest)];
  }

  deleteTag(name: string): Effect[] {
    return [effect(this.tag(name), null)];
  }

  /** Its tags go with it. */
  deleteArtifact(artifact: Artifact): Effect[] {
    const { digest, isLive } = artifact;
    const tags = this.#tagsThatMayBe(digest);
    artifact.wasDeleted = true;
    artifact.tagsInTrash = tags.map(([name]) => name);
    return [effect(isLive, false), ...tags.map(([, fact]) => effectFrom(fact, digest, null))];
  }

  /** Its tags come back, but for those that are in use now. */
  restore({ digest, isLive, tagsInTrash }: Artifact): Effect[] {
    const free = tagsInTrash.map((name) => this.tag(name)).filter((fact) => fact.allows(null));
    return [effect(isLive, true), ...free.map((fact) => effectFrom(fact, null, digest))];
  }

  /** All of it goes, and what brings all of it back. */
  deleteRepository(): { effects: Effect[]; restoring: Effect[] } {
    const tags = [...this.tags.values()];
    const lives = [this.isThere, ...[...this.artifacts.values()].map(({ isLive }) => isLive)];
    return {
      effects: [
        ...tags.map((fact) => whateverItIs(fact, null)),
        ...lives.map((fact) => whateverItIs(fact, false)),
      ],
      restoring: [...tags, ...lives].map((fact) => fact.remember()),
    };
  }

  #tagsThatMayBe(digest: string): [string, Fact<string | null>][] {
    return [...this.tags].filter(([, fact]) => fact.allows(digest));
  }
}

function whateverItIs<T>(fact: Fact<T>, value: T): Effect {
  return fact.isCertain ? effect(fact, value) : () => fact.mayBecome(value);
}
