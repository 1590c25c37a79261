import Type, { type Static } from 'typebox';

import { HarborBody, Id, Reply } from '../../../platform/http/harbor-body.ts';

const NAME = '^[a-z0-9]+(?:[._-][a-z0-9]+)*$';
/** About 2700 years. */
export const LONGEST_DAYS = 1_000_000;
/** In seconds since 1970: the end of the year 9999. */
const LATEST = 253_402_300_799;

const Level = Type.Enum(['system', 'project']);
const Access = Type.Object(
  {
    resource: Type.String({ minLength: 1, maxLength: 64 }),
    action: Type.String({ minLength: 1, maxLength: 64 }),
    effect: Type.Enum(['allow', 'deny', ''], { default: 'allow' }),
  },
  { additionalProperties: false },
);
const Permission = Type.Object(
  {
    kind: Level,
    /** The name of a project, `*` for all, `/` for the kind system. */
    namespace: Type.String({ minLength: 1, maxLength: 255 }),
    access: Type.Array(Access),
  },
  { additionalProperties: false },
);
export type Permission = Static<typeof Permission>;

const Description = Type.String({ maxLength: 1024, default: '' });
const Duration = Type.Integer({
  minimum: -1,
  maximum: LONGEST_DAYS,
  description: 'Days since it was made; -1 is for ever.',
});
const Secret = Type.String({ maxLength: 128 });

export const RobotCreation = HarborBody({
  name: Type.String({ minLength: 1, maxLength: 255, pattern: NAME }),
  description: Description,
  secret: Type.Optional(Secret),
  level: Level,
  disable: Type.Boolean({ default: false }),
  duration: Type.Optional(Duration),
  permissions: Type.Array(Permission),
});

/** Members that only the registry sets; clients send back what they have read. */
const Ignored = Object.fromEntries(
  [
    'id',
    'secret',
    'editable',
    'expires_at',
    'creator_type',
    'creator_ref',
    'creation_time',
    'update_time',
  ].map((name) => [name, Type.Optional(Type.Unknown())]),
);

export const RobotChange = HarborBody({
  ...Ignored,
  name: Type.Optional(Type.String()),
  description: Description,
  level: Level,
  disable: Type.Boolean({ default: false }),
  duration: Type.Optional(Type.Union([Duration, Type.Null()])),
  permissions: Type.Array(Permission),
});

export const SecretChange = HarborBody({
  secret: Type.Optional(Secret),
  keep_old_until: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: LATEST,
      description: 'In seconds since 1970: until then the secret from before is good too.',
    }),
  ),
});

export const RobotParams = Type.Object({ robot_id: Id });

const Time = Type.String({ format: 'date-time' });

const SecretReply = Reply({
  id: Type.Integer(),
  creation_time: Time,
  last_used_time: Time,
  expires_at: Type.Integer(),
});

export const RobotReply = Reply({
  id: Type.Integer(),
  name: Type.String(),
  description: Type.String(),
  level: Level,
  duration: Type.Integer(),
  editable: Type.Boolean(),
  disable: Type.Boolean(),
  expires_at: Type.Integer(),
  permissions: Type.Array(Permission),
  creator_type: Type.Enum(['local', 'robot']),
  creator_ref: Type.Integer(),
  creation_time: Time,
  update_time: Time,
  last_used_time: Time,
  secrets: Type.Array(SecretReply),
  // Never sent; Harbor's contract has it.
  secret: Type.String(),
});

export const RobotCreated = Reply({
  id: Type.Integer(),
  name: Type.String(),
  secret: Type.String(),
  creation_time: Time,
  expires_at: Type.Integer(),
});

export const SecretChanged = Reply({ secret: Type.String() });
