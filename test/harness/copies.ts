/** What tests of copying do all the time: push what is copied, and copy. */
import type { Client } from './client.ts';
import { descriptorOf, digestOf, mediaType, must, putManifest } from './registry.ts';

export const PROJECTS = '/api/v2.0/projects';

/** The path of the artifacts of a repository. */
export const artifacts = (repository: string) => {
  const [project, ...rest] = repository.split('/');
  return `${PROJECTS}/${project}/repositories/${rest.join('%252F')}/artifacts`;
};

export const copy = (client: Client, to: string, from: string, also = '') =>
  client.post(`${artifacts(to)}?from=${encodeURIComponent(from)}${also}`);

/** An image with content of its own. */
export const image = (content: string, also = {}) => ({
  config: JSON.stringify({ author: content }),
  layers: [`layer of ${content}`],
  also,
});

export async function pushIndex(
  client: Client,
  repository: string,
  tag: string,
  children: Buffer[],
) {
  const manifests = children.map((child) => descriptorOf(child, mediaType.OCI_IMAGE_MANIFEST));
  const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests };
  const bytes = Buffer.from(JSON.stringify(index));
  must(await putManifest(client, repository, tag, bytes, mediaType.OCI_IMAGE_INDEX), 201);
  return { bytes, digest: digestOf(bytes) };
}

export const subjectOf = (bytes: Buffer) => ({
  subject: descriptorOf(bytes, mediaType.OCI_IMAGE_MANIFEST),
});
