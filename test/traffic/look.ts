import { digestOf, type Layer } from './content.ts';
import type { Artifact, Ledger } from './ledger.ts';
import type { Pushing } from './push-layer.ts';
import { describe } from './wire.ts';

/** Pulls what the tag points to; answers the artifact, if there is one. */
export async function lookAtTag(
  { wire, complain }: Pushing,
  ledger: Ledger,
  tag: string,
): Promise<Artifact | undefined> {
  const fact = ledger.tag(tag);
  const path = `/v2/${ledger.repository}/manifests/${tag}`;
  const answer = await wire.ask('GET', path);
  if (answer === undefined) return undefined;
  const found = answer.status === 200 ? digestOf(answer.body) : null;
  const isStrange = answer.status !== 200 && answer.status !== 404;
  if (isStrange || !fact.allows(found)) {
    complain(`${path} is ${found ?? describe(answer)}, and should be ${String(fact)}`);
  }
  return found === null ? undefined : ledger.artifacts.get(found);
}

/** Pulls the manifest by its digest. True: it is there. */
export async function lookAtArtifact(
  { wire, complain }: Pushing,
  { repository }: Ledger,
  { digest, isLive }: Artifact,
): Promise<boolean> {
  const path = `/v2/${repository}/manifests/${digest}`;
  const answer = await wire.ask('GET', path);
  if (answer === undefined) return false;
  const isThere = answer.status === 200;
  const isWrong = isThere ? digestOf(answer.body) !== digest : answer.status !== 404;
  if (isWrong || !isLive.allows(isThere)) {
    complain(`${path}: ${describe(answer)}; that it is there should be ${String(isLive)}`);
  }
  return isThere;
}

/** Pulls a blob that has to be there. */
export async function lookAtLayer(
  { wire, repository, complain }: Pushing,
  { digest }: Layer,
): Promise<void> {
  const path = `/v2/${repository}/blobs/${digest}`;
  const answer = await wire.ask('GET', path);
  if (answer === undefined) return;
  if (answer.status !== 200) complain(`${path}: ${describe(answer)}`);
  else if (digestOf(answer.body) !== digest) complain(`${path}: other bytes`);
}

/** Reads the list of tags. */
export async function lookAtTags({ wire, complain }: Pushing, ledger: Ledger): Promise<void> {
  const path = `/v2/${ledger.repository}/tags/list`;
  const answer = await wire.ask('GET', path);
  if (answer === undefined) return;
  const { tags = [] } = JSON.parse(answer.body.toString()) as { tags?: string[] };
  const listed = new Set(tags);
  for (const [name, fact] of ledger.tags) {
    const isThere = listed.has(name);
    if (isThere ? !fact.is(null) : fact.allows(null)) continue;
    complain(`${path}: ${name} is ${isThere ? '' : 'not '}there, and should be ${String(fact)}`);
  }
  const unknown = tags.filter((name) => !ledger.tags.has(name));
  if (unknown.length > 0) complain(`${path}: nobody pushed ${unknown.join(', ')}`);
}

/** All of it, every byte. */
export async function lookAtAll(pushing: Pushing, ledger: Ledger): Promise<void> {
  const needed = new Map(ledger.isThere.is(true) ? ledger.layers : []);
  for (const tag of ledger.tags.keys()) await lookAtTag(pushing, ledger, tag);
  for (const artifact of ledger.artifacts.values()) {
    if (!(await lookAtArtifact(pushing, ledger, artifact))) continue;
    for (const layer of artifact.layers) needed.set(layer.digest, layer);
  }
  for (const layer of needed.values()) await lookAtLayer(pushing, layer);
  await lookAtTags(pushing, ledger);
}
