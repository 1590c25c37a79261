import Type from 'typebox';

import { Reply } from '../../platform/http/harbor-body.ts';

export const ProjectParams = Type.Object({ project_name: Type.String() });

const legacy = {
  id: Type.Integer(),
  username: Type.String(),
  resource: Type.String(),
  resource_type: Type.String(),
  operation: Type.String(),
  op_time: Type.String({ format: 'date-time' }),
};

export const LegacyReply = Reply(legacy);

/** Harbor's, and from where, with what client, and what it was before and after. */
export const AuditReply = Reply({
  ...legacy,
  operation_description: Type.String(),
  operation_result: Type.Boolean(),
  result_code: Type.String(),
  address: Type.String(),
  client: Type.String(),
  before: Type.Unknown(),
  after: Type.Unknown(),
});

export const EventTypeReply = Reply({ event_type: Type.String() });
