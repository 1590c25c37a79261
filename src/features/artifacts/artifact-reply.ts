import { digestFromBytes } from '../../oci/digest.ts';
import { timestamp } from '../../platform/http/harbor-body.ts';
import { toLabelReply } from '../labels/index.ts';
import { listAdditions } from './additions/index.ts';
import { iconOf } from './icons.ts';
import type * as rows from './store/artifact-columns.ts';

export function toArtifactReply(row: rows.ArtifactRow) {
  const digest = digestFromBytes(row.digest);
  const { repository_name: repository, annotations } = row;
  return {
    id: row.id,
    type: row.type,
    media_type: row.config_media_type ?? '',
    manifest_media_type: row.media_type,
    ...(row.artifact_type === null ? {} : { artifact_type: row.artifact_type }),
    project_id: row.project_id,
    repository_id: row.repository_id,
    repository_name: repository,
    digest,
    size: row.content_bytes,
    icon: row.icon === null ? iconOf(row.type) : digestFromBytes(row.icon),
    push_time: timestamp(row.pushed_at),
    pull_time: timestamp(row.pulled_at),
    ...(row.attributes === null || isEmpty(row.attributes) ? {} : { extra_attrs: row.attributes }),
    ...(isEmpty(annotations) ? {} : { annotations }),
    references: row.references?.map((reference) => toReferenceReply(row.id, reference)) ?? null,
    tags: row.tags?.map((tag) => toTagReply(row, fromJson(tag))) ?? null,
    labels:
      row.labels?.map((label) =>
        toLabelReply({
          ...label,
          created_at: new Date(label.created_at),
          updated_at: new Date(label.updated_at),
        }),
      ) ?? null,
    accessories: row.accessories?.map((one) => toAccessoryReply(repository, one)) ?? null,
    ...(row.inherited_accessories === null
      ? {}
      : {
          inherited_accessories: row.inherited_accessories.map((one) =>
            toAccessoryReply(repository, one),
          ),
        }),
    addition_links: linkAdditions(row, digest),
  };
}

const isEmpty = (object: object) => Object.keys(object).length === 0;

function linkAdditions(row: rows.ArtifactRow, digest: string) {
  const { repository_name } = row;
  const slash = repository_name.indexOf('/');
  const [project, rest] = [repository_name.slice(0, slash), repository_name.slice(slash + 1)];
  const path = `/api/v2.0/projects/${project}/repositories/${rest.replaceAll('/', '%252F')}/artifacts/${digest}/additions`;
  return Object.fromEntries(
    listAdditions(row).map((name) => [name, { href: `${path}/${name}`, absolute: false }]),
  );
}

function toReferenceReply(parent_id: number, { child_id, digest, descriptor }: rows.ReferenceRow) {
  const { platform, annotations, urls } = descriptor;
  return {
    parent_id,
    ...(child_id === null ? {} : { child_id }),
    child_digest: digest,
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined ? {} : { annotations }),
    urls: urls ?? null,
  };
}

const fromJson = ({ pushed_at, pulled_at, ...tag }: rows.TagRow) => ({
  ...tag,
  pushed_at: new Date(pushed_at),
  pulled_at: pulled_at === null ? null : new Date(pulled_at),
});

export function toTagReply(
  artifact: { id: number; repository_id: number },
  tag: { id: number; name: string; pushed_at: Date; pulled_at: Date | null },
) {
  return {
    id: tag.id,
    repository_id: artifact.repository_id,
    artifact_id: artifact.id,
    name: tag.name,
    push_time: timestamp(tag.pushed_at),
    pull_time: timestamp(tag.pulled_at),
    immutable: false,
  };
}

export function toAccessoryReply(repository: string, accessory: rows.AccessoryRow) {
  return {
    id: accessory.id,
    artifact_id: accessory.id,
    ...(accessory.subject_id === null ? {} : { subject_artifact_id: accessory.subject_id }),
    subject_artifact_digest: accessory.subject_digest,
    subject_artifact_repo: repository,
    size: accessory.content_bytes,
    digest: accessory.digest,
    type: accessory.type,
    icon: iconOf(accessory.type),
    creation_time: timestamp(new Date(accessory.pushed_at)),
  };
}
