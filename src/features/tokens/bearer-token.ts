import { createHash, randomUUID } from 'node:crypto';

import { decodeProtectedHeader, jwtVerify, SignJWT, type JWTPayload } from 'jose';

import { clock } from '../../lib/clock.ts';
import { Refusal } from '../../lib/errors.ts';
import { LruMap } from '../../lib/lru-map.ts';
import type { Caller, RepositoryGrant, SignedInUser } from '../access/index.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Harbor's name for itself in tokens and challenges; its clients ask for it. */
export const SERVICE = 'harbor-registry';
const ISSUER = 'roadstead';
/** Clocks of nodes may differ by this. */
const LEEWAY_SECONDS = 30;

/** What a token says, beside the registered claims. */
interface Claims extends JWTPayload {
  user?: SignedInUser;
  access: { type: 'repository'; name: string; project_id: number; actions: string[] }[];
  catalog?: true;
}

export interface IssuedToken {
  token: string;
  issuedAt: Date;
}

export interface BearerTokens {
  issue(caller: Caller): Promise<IssuedToken>;
  /** Refuses with 401 whatever is not a valid token of this registry. */
  verify(token: string): Promise<Caller>;
}

export function createBearerTokens(
  keys: SigningKeys,
  { lifetimeSeconds }: { lifetimeSeconds: number },
): BearerTokens {
  // Verified once and remembered until it expires.
  const verified = new LruMap<string, { caller: Caller; until: number }>(20_000);

  async function verifyAfresh(token: string) {
    const { kid, alg, typ, crit, jwk, x5c, jku, x5u } = decodeProtectedHeader(token);
    if (alg !== 'ES256' || typ !== 'JWT' || kid === undefined || crit !== undefined) {
      throw invalid();
    }
    // A key that the token brings along says nothing about who signed it.
    if (jwk !== undefined || x5c !== undefined || jku !== undefined || x5u !== undefined) {
      throw invalid();
    }
    const key = await keys.find(kid);
    if (key === undefined) throw invalid();
    const { payload } = await jwtVerify<Claims>(token, key, {
      algorithms: ['ES256'],
      issuer: ISSUER,
      audience: SERVICE,
      requiredClaims: ['exp', 'iat', 'nbf', 'sub'],
      maxTokenAge: lifetimeSeconds + LEEWAY_SECONDS,
      clockTolerance: LEEWAY_SECONDS,
    });
    return { caller: toCaller(payload), until: payload.exp! * 1000 };
  }

  return {
    async issue(caller) {
      const { kid, key } = await keys.current();
      const now = Math.floor(clock.now().getTime() / 1000);
      const token = await new SignJWT(toClaims(caller))
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid })
        .setIssuer(ISSUER)
        .setSubject(caller.user?.username ?? '')
        .setAudience(SERVICE)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + lifetimeSeconds)
        .sign(key);
      return { token, issuedAt: new Date(now * 1000) };
    },

    async verify(token) {
      const hash = createHash('sha256').update(token).digest('base64');
      const remembered = verified.get(hash);
      if (remembered !== undefined && remembered.until > clock.now().getTime()) {
        return remembered.caller;
      }
      try {
        const fresh = await verifyAfresh(token);
        verified.set(hash, fresh);
        return fresh.caller;
      } catch (cause) {
        if (isAboutTheToken(cause)) throw invalid(cause);
        throw cause;
      }
    },
  };
}

function isAboutTheToken(error: unknown): error is Error {
  if (error instanceof Refusal || error instanceof TypeError) return true;
  return (
    error instanceof Error && /^ERR_(JW|JOSE)/.test((error as Error & { code?: string }).code ?? '')
  );
}

function invalid(cause?: Error): Refusal {
  const isExpired = (cause as { code?: string } | undefined)?.code === 'ERR_JWT_EXPIRED';
  return new Refusal(
    'UNAUTHORIZED',
    isExpired ? 'unauthorized: the token has expired' : 'unauthorized: the token is not valid here',
    { cause },
  );
}

function toClaims(caller: Caller): Claims {
  return {
    ...(caller.user === undefined ? {} : { user: caller.user }),
    access: (caller.grants ?? []).map(({ repository, projectId, actions }) => ({
      type: 'repository',
      name: repository,
      project_id: projectId,
      actions,
    })),
    ...(caller.mayListCatalog === true ? { catalog: true } : {}),
  };
}

function toCaller(claims: Claims): Caller {
  return {
    ...(claims.user === undefined ? {} : { user: claims.user }),
    grants: claims.access.map(({ name, project_id, actions }) => ({
      repository: name,
      projectId: project_id,
      actions: actions as RepositoryGrant['actions'],
    })),
    mayListCatalog: claims.catalog === true,
  };
}
