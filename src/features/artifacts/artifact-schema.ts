import Type from 'typebox';

import { HarborBody, Reply } from '../../platform/http/harbor-body.ts';
import { ListQuery, PageQuery } from '../../platform/http/paging.ts';
import { LabelReply } from '../labels/index.ts';
import { ACCESSORY_TYPES } from './classify.ts';
import { RepositoryParams } from './schema.ts';

const Time = Type.String({ format: 'date-time' });
const Annotations = Type.Record(Type.String(), Type.String());

export const ArtifactParams = Type.Object({
  ...RepositoryParams.properties,
  reference: Type.String({ minLength: 1, maxLength: 256, description: 'A tag or a digest.' }),
});
export const TagParams = Type.Object({
  ...ArtifactParams.properties,
  tag_name: Type.String({ maxLength: 256 }),
});

/** What is shown of scans is not there yet: what asks for it is accepted. */
const With = {
  with_tag: Type.Boolean({ default: true }),
  with_label: Type.Boolean({ default: false }),
  with_accessory: Type.Boolean({ default: true }),
  with_inherited_accessory: Type.Boolean({ default: false }),
  with_immutable_status: Type.Boolean({ default: false }),
  with_scan_overview: Type.Boolean({ default: false }),
  with_sbom_overview: Type.Boolean({ default: false }),
};

export const ArtifactList = Type.Object({ ...ListQuery.properties, ...With });
export const ProjectArtifactList = Type.Object({
  ...ArtifactList.properties,
  latest_in_repository: Type.Boolean({ default: false }),
});
export const ArtifactQuery = Type.Object({
  ...PageQuery.properties,
  ...With,
  with_signature: Type.Boolean({ default: false }),
});
export const ScanHeaders = Type.Object({
  'X-Accept-Vulnerabilities': Type.Optional(Type.String()),
});

export const TagList = Type.Object({
  ...ListQuery.properties,
  with_immutable_status: Type.Boolean({ default: false }),
  after: Type.Optional(
    Type.String({
      maxLength: 128,
      description:
        'List by name what comes behind this one, whatever page is asked for; empty: from the beginning.',
    }),
  ),
});
export const NewTag = HarborBody({ name: Type.String() });
export const TagCreation = Type.Object({
  move: Type.Boolean({
    default: false,
    description: 'Move the tag when another artifact has it, instead of answering 409.',
  }),
});

export const AccessoryReply = Reply({
  id: Type.Integer(),
  artifact_id: Type.Integer(),
  subject_artifact_id: Type.Integer(),
  subject_artifact_digest: Type.String(),
  subject_artifact_repo: Type.String(),
  size: Type.Integer(),
  digest: Type.String(),
  type: Type.Enum([...ACCESSORY_TYPES]),
  icon: Type.String(),
  creation_time: Time,
});

const PlatformReply = Reply({
  architecture: Type.String(),
  os: Type.String(),
  variant: Type.String(),
  'os.version': Type.String(),
  'os.features': Type.Array(Type.String()),
});
const ReferenceReply = Reply({
  parent_id: Type.Integer(),
  child_id: Type.Integer(),
  child_digest: Type.String(),
  platform: PlatformReply,
  annotations: Annotations,
  urls: Type.Union([Type.Array(Type.String()), Type.Null()]),
});

export const TagReply = Reply({
  id: Type.Integer(),
  repository_id: Type.Integer(),
  artifact_id: Type.Integer(),
  name: Type.String(),
  push_time: Time,
  pull_time: Time,
  immutable: Type.Boolean(),
});

/** Lists are null where they are empty, as in Harbor. */
const orNull = <T extends Type.TSchema>(item: T) => Type.Union([Type.Array(item), Type.Null()]);

export const ArtifactReply = Reply({
  id: Type.Integer(),
  type: Type.String({
    description: 'IMAGE, CHART, CNAB, WASM, SBOM, CNAI, UNKNOWN, or what its config is.',
  }),
  media_type: Type.String(),
  manifest_media_type: Type.String(),
  artifact_type: Type.String(),
  project_id: Type.Integer(),
  repository_id: Type.Integer(),
  repository_name: Type.String(),
  digest: Type.String(),
  size: Type.Integer({ description: 'With its blobs, or with what it lists.' }),
  icon: Type.String(),
  push_time: Time,
  pull_time: Time,
  extra_attrs: Type.Record(Type.String(), Type.Unknown()),
  annotations: Annotations,
  references: orNull(ReferenceReply),
  tags: orNull(TagReply),
  labels: orNull(LabelReply),
  accessories: orNull(AccessoryReply),
  inherited_accessories: Type.Array(AccessoryReply),
  addition_links: Type.Record(
    Type.String(),
    Type.Object({ href: Type.String(), absolute: Type.Boolean() }),
  ),
});
