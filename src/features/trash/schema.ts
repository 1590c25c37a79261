import Type from 'typebox';

import { HarborBody, Id, Reply } from '../../platform/http/harbor-body.ts';
import { KINDS } from './store.ts';

export const DeletionParams = Type.Object({
  deletion_id: Type.String({
    pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  }),
});

export const TrashList = Type.Object({
  page: Type.Integer({ minimum: 1, maximum: 1_000_000_000, default: 1 }),
  page_size: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
  project_id: Type.Optional(Id),
  kind: Type.Optional(Type.Enum([...KINDS])),
  name: Type.Optional(Type.String({ description: 'Part of the name.' })),
});

export const DeletionReply = Reply({
  id: Type.String({ format: 'uuid' }),
  kind: Type.Enum([...KINDS]),
  name: Type.String({
    description: 'As it was called: `team`, `team/app`, `team/app:v1` or `team/app@sha256:…`.',
  }),
  project_id: Type.Integer(),
  project_name: Type.String(),
  repository_name: Type.String({ description: 'The whole name; not there for a project.' }),
  tag: Type.String(),
  digest: Type.String(),
  deleted_by: Type.String({ description: 'Not there when it was deleted before this was kept.' }),
  client: Type.String(),
  deletion_time: Type.String({ format: 'date-time' }),
  purge_time: Type.String({ format: 'date-time' }),
  freed_bytes: Type.Integer({ description: 'Bytes of blobs that nothing else needs.' }),
});

export const Restoration = HarborBody({
  new_name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'Another name for a tag, a project, or a repository (without the name of its project).',
    }),
  ),
  without_used_tags: Type.Boolean({
    default: false,
    description: 'Leave those tags of an artifact in the trash that other artifacts have now.',
  }),
});
