import { randomUUID } from 'node:crypto';

import {
  decodeProtectedHeader,
  errors,
  jwtVerify,
  SignJWT,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from 'jose';
import Type from 'typebox';
import { Compile } from 'typebox/compile';

import { clock } from '../../lib/clock.ts';
import { Refusal } from '../../lib/errors.ts';
import { LruMap } from '../../lib/lru-map.ts';
import {
  ANONYMOUS,
  callerName,
  isSignedIn,
  type Caller,
  type RepositoryGrant,
  type SignedInUser,
} from '../access/index.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { TokenOwners } from './token-owners.ts';

/** Harbor's name for itself in tokens and challenges; its clients ask for it. */
export const SERVICE = 'harbor-registry';
const ISSUER = 'roadstead';
/** Verified tokens that are remembered: a token of a few scopes has 600 characters. */
const MAX_REMEMBERED = 10_000;
const MAX_REMEMBERED_LENGTH = 2048;
/** Clocks of nodes may differ by this. */
const LEEWAY_SECONDS = 30;

/** What a token says, beside the registered claims. Checked, since another version may have signed it. */
const OwnClaims = Type.Object({
  /** Whose it is, and as whom they got it: it is worthless once that has changed. */
  user: Type.Optional(
    Type.Object({
      id: Type.Integer(),
      is_sysadmin: Type.Boolean(),
      password_changed_at: Type.Integer(),
    }),
  ),
  robot: Type.Optional(
    Type.Object({
      id: Type.Integer(),
      secret_id: Type.Integer(),
      rights_changed_at: Type.Integer(),
    }),
  ),
  access: Type.Array(
    Type.Object({
      type: Type.Literal('repository'),
      name: Type.String(),
      project_id: Type.Integer(),
      actions: Type.Array(Type.String()),
    }),
  ),
  catalog: Type.Optional(Type.Literal(true)),
});
type OwnClaims = Type.Static<typeof OwnClaims>;

/** What is remembered of a token that was verified. */
interface Verified {
  /** The key that signed it: it is worthless without. */
  kid: string;
  /** In milliseconds since 1970. */
  expiresAt: number;
  owner: Pick<OwnClaims, 'user' | 'robot'>;
  rights: Pick<Caller, 'grants' | 'mayListCatalog'>;
}

const checkClaims = Compile(OwnClaims);

export interface IssuedToken {
  token: string;
  issuedAt: Date;
  lifetimeSeconds: number;
}

export interface BearerTokens {
  issue(caller: Caller): Promise<IssuedToken>;
  /** Refuses with 401 whatever is not a valid token of this registry. */
  verify(token: string): Promise<Caller>;
}

export function createBearerTokens(
  keys: SigningKeys,
  {
    findLifetimeSeconds,
    owners,
  }: { findLifetimeSeconds: () => Promise<number>; owners: TokenOwners },
): BearerTokens {
  const remembered = new LruMap<string, Verified>(MAX_REMEMBERED);

  async function readToken(token: string): Promise<Verified> {
    const { kid, alg, typ, crit, jwk, x5c, jku, x5u } = readHeader(token);
    if (alg !== 'ES256' || typ !== 'JWT' || kid === undefined || crit !== undefined) {
      throw invalid();
    }
    // A key that the token brings along says nothing about who signed it.
    if (jwk !== undefined || x5c !== undefined || jku !== undefined || x5u !== undefined) {
      throw invalid();
    }
    const key = await keys.find(kid);
    if (key === undefined) throw invalid();
    const { payload } = await jwtVerify<OwnClaims>(token, key, {
      algorithms: ['ES256'],
      issuer: ISSUER,
      audience: SERVICE,
      requiredClaims: ['exp', 'iat', 'nbf', 'sub'],
      maxTokenAge: (await findLifetimeSeconds()) + LEEWAY_SECONDS,
      clockTolerance: LEEWAY_SECONDS,
      currentDate: clock.now(),
    });
    if (!checkClaims.Check(payload)) throw invalid();
    return toVerified(kid, payload);
  }

  async function verifyAfresh(token: string): Promise<Verified> {
    try {
      const verified = await readToken(token);
      if (token.length <= MAX_REMEMBERED_LENGTH) remembered.set(token, verified);
      return verified;
    } catch (cause) {
      throw cause instanceof errors.JOSEError ? invalid(cause) : cause;
    }
  }

  /** Verified once, and remembered until it expires or its key is gone. */
  async function findRemembered(token: string): Promise<Verified | undefined> {
    const verified = remembered.get(token);
    if (verified === undefined || verified.expiresAt <= clock.now().getTime()) return undefined;
    return (await keys.find(verified.kid)) && verified;
  }

  return {
    async issue(caller) {
      const { kid, key } = await keys.current();
      const lifetimeSeconds = await findLifetimeSeconds();
      const now = Math.floor(clock.now().getTime() / 1000);
      const token = await new SignJWT(toClaims(caller))
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid })
        .setIssuer(ISSUER)
        .setSubject(isSignedIn(caller) ? callerName(caller) : '')
        .setAudience(SERVICE)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + lifetimeSeconds)
        .sign(key);
      return { token, issuedAt: new Date(now * 1000), lifetimeSeconds };
    },

    async verify(token) {
      const { owner, rights } = (await findRemembered(token)) ?? (await verifyAfresh(token));
      return { ...(await findOwner(owner, owners)), ...rights };
    },
  };
}

/** Whose token it is, as they are now. Refuses when it is not good for them any more. */
async function findOwner(
  { user: userClaim, robot: robotClaim }: Verified['owner'],
  owners: TokenOwners,
): Promise<Caller> {
  if (userClaim !== undefined) {
    const user = await owners.findUser(userClaim.id);
    if (user !== undefined && isOfOwner(userClaim, user)) return { user };
    throw invalid();
  }
  if (robotClaim !== undefined) {
    const robot = await owners.findRobot(robotClaim.id, robotClaim.secret_id);
    if (robot?.rightsChangedAt.getTime() === robotClaim.rights_changed_at) return { robot };
    throw invalid();
  }
  return ANONYMOUS;
}

function readHeader(token: string): ProtectedHeaderParameters {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw invalid(cause as Error);
  }
}

function invalid(cause?: Error): Refusal {
  const isExpired = cause instanceof errors.JWTExpired;
  return new Refusal(
    'UNAUTHORIZED',
    isExpired ? 'unauthorized: the token has expired' : 'unauthorized: the token is not valid here',
    { cause },
  );
}

/** A change of password, or of an administrator's rights, ends the tokens from before. */
function isOfOwner(claim: OwnClaims['user'] & {}, owner: SignedInUser): boolean {
  return (
    claim.is_sysadmin === owner.isSysadmin &&
    claim.password_changed_at === owner.passwordChangedAt.getTime()
  );
}

function toClaims({ user, robot, ...caller }: Caller): OwnClaims {
  return {
    ...(user && {
      user: {
        id: user.id,
        is_sysadmin: user.isSysadmin,
        password_changed_at: user.passwordChangedAt.getTime(),
      },
    }),
    ...(robot && {
      robot: {
        id: robot.id,
        secret_id: robot.secretId,
        rights_changed_at: robot.rightsChangedAt.getTime(),
      },
    }),
    access: (caller.grants ?? []).map(({ repository, projectId, actions }) => ({
      type: 'repository',
      name: repository,
      project_id: projectId,
      actions,
    })),
    ...(caller.mayListCatalog === true ? { catalog: true } : {}),
  };
}

function toVerified(kid: string, payload: JWTPayload & OwnClaims): Verified {
  const { exp, user, robot, access, catalog } = payload;
  const grants = access.map(({ name, project_id, actions }) => ({
    repository: name,
    projectId: project_id,
    actions: actions as RepositoryGrant['actions'],
  }));
  return {
    kid,
    expiresAt: exp! * 1000,
    owner: { ...(user && { user }), ...(robot && { robot }) },
    rights: { grants, mayListCatalog: catalog === true },
  };
}
