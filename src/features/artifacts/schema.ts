import Type from 'typebox';

import { HarborBody, Reply } from '../../platform/http/harbor-body.ts';

const Time = Type.String({ format: 'date-time' });

export const ProjectParams = Type.Object({ project_name: Type.String() });

export const RepositoryParams = Type.Object({
  ...ProjectParams.properties,
  repository_name: Type.String({
    minLength: 1,
    description: 'Without the project; slashes are encoded, once or twice.',
  }),
});

export const RepositoryReply = Reply({
  id: Type.Integer(),
  project_id: Type.Integer(),
  name: Type.String(),
  description: Type.String(),
  artifact_count: Type.Integer(),
  pull_count: Type.Integer(),
  creation_time: Time,
  update_time: Time,
});

/** Clients send a whole repository; its description is all that can be changed. */
export const RepositoryChange = HarborBody({
  id: Type.Optional(Type.Unknown()),
  project_id: Type.Optional(Type.Unknown()),
  name: Type.Optional(Type.Unknown()),
  description: Type.String({ maxLength: 65_536, default: '' }),
  artifact_count: Type.Optional(Type.Unknown()),
  pull_count: Type.Optional(Type.Unknown()),
  creation_time: Type.Optional(Type.Unknown()),
  update_time: Type.Optional(Type.Unknown()),
});
