import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { acceptForms } from '../../platform/http/forms.ts';
import { Reply } from '../../platform/http/harbor-body.ts';
import type { App, Routes } from '../../platform/http/routes.ts';
import { waitingClient } from '../../platform/http/waiting-client.ts';
import type { Platform } from '../../platform/index.ts';
import { ANONYMOUS, isSignedIn, type Caller } from '../access/index.ts';
import { onRefusal, recordSignIn, signIn } from '../accounts/index.ts';
import { SERVICE, type BearerTokens } from './bearer-token.ts';
import { grantScopes } from './grant.ts';
import { recordDenied } from './record-denied.ts';
import { issueRefreshToken, redeemRefreshToken } from './refresh-token.ts';
import { describeScopes, parseScopes } from './scope.ts';

const Scopes = Type.Union([Type.String(), Type.Array(Type.String())]);
const TokenQuery = Type.Object({
  service: Type.Optional(Type.String()),
  scope: Type.Optional(Scopes),
  account: Type.Optional(Type.String()),
  client_id: Type.Optional(Type.String()),
  offline_token: Type.Optional(Type.String()),
});
const TokenForm = Type.Object({
  grant_type: Type.String(),
  service: Type.Optional(Type.String()),
  client_id: Type.Optional(Type.String({ maxLength: 255 })),
  access_type: Type.Optional(Type.String()),
  scope: Type.Optional(Scopes),
  username: Type.Optional(Type.String({ maxLength: 1024 })),
  password: Type.Optional(Type.String({ maxLength: 1024 })),
  refresh_token: Type.Optional(Type.String({ maxLength: 1024 })),
});
type TokenForm = Type.Static<typeof TokenForm>;
/** A token in a cache would be somebody else's (RFC 6749 §5.1). */
const NOT_KEPT = { 'cache-control': 'no-store' };
const TokenReply = Reply({
  token: Type.String(),
  access_token: Type.String(),
  expires_in: Type.Integer(),
  issued_at: Type.String({ format: 'date-time' }),
  refresh_token: Type.String(),
  scope: Type.String(),
});

/** The Docker token service: https://distribution.github.io/distribution/spec/auth/ (token and oauth). */
export const tokenRoutes =
  (tokens: BearerTokens): Routes =>
  (app: App, platform) => {
    acceptForms(app);

    app.get(
      '/service/token',
      {
        schema: {
          operationId: 'getToken',
          tags: ['token'],
          querystring: TokenQuery,
          response: { 200: TokenReply },
        },
        config: { open: true },
      },
      async (request, reply) => {
        const { query, caller, headers } = request;
        requireService(query.service);
        const scopes = listScopes(query.scope);
        if (!isSignedIn(caller) && scopes.length === 0) {
          throw new Refusal('UNAUTHORIZED', 'unauthorized: sign in, or ask for a scope');
        }
        const wanted = parseScopes(scopes, { userAgent: headers['user-agent'] });
        const granted = await grantScopes(platform.lookups, caller, wanted);
        await recordDenied(platform, request, wanted, granted);
        return reply.headers(NOT_KEPT).send(await issue(granted));
      },
    );

    app.post(
      '/service/token',
      {
        schema: {
          operationId: 'postToken',
          tags: ['token'],
          body: TokenForm,
          response: { 200: TokenReply },
        },
        config: { open: true, whileReadOnly: true },
      },
      async (request, reply) => {
        const { body } = request;
        requireService(body.service);
        const { caller, refreshToken } = await redeem(platform, body, request);
        const wanted = parseScopes(listScopes(body.scope));
        const granted = await grantScopes(platform.lookups, caller, wanted);
        const { address, headers } = request;
        await recordDenied(platform, { caller, address, headers }, wanted, granted);
        return reply.headers(NOT_KEPT).send({
          ...(await issue(granted)),
          scope: describeScopes(granted),
          ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
        });
      },
    );

    async function issue(granted: Caller) {
      const { token, issuedAt, lifetimeSeconds } = await tokens.issue(granted);
      return {
        token,
        access_token: token,
        expires_in: lifetimeSeconds,
        issued_at: issuedAt.toISOString(),
      };
    }
  };

const listScopes = (scope: string | string[] | undefined): string[] =>
  scope === undefined ? [] : [scope].flat().filter((text) => text !== '');

function requireService(service: string | undefined): void {
  if (service === undefined || service === '' || service === SERVICE) return;
  throw new Refusal('BAD_REQUEST', `bad request: this token service is for the service ${SERVICE}`);
}

/** Who presents this form, and the refresh token that goes with the answer if one was asked for. */
async function redeem(
  platform: Platform,
  form: TokenForm,
  request: FastifyRequest,
): Promise<{ caller: Caller; refreshToken?: string | undefined }> {
  const isOffline = form.access_type === 'offline';
  switch (form.grant_type) {
    case 'password': {
      const { username, password, client_id = '' } = form;
      if (username === undefined || password === undefined) {
        throw new Refusal(
          'BAD_REQUEST',
          'bad request: grant_type password needs username and password',
        );
      }
      // Some clients send this form without a name to ask as nobody.
      if (username === '' && password === '') return { caller: ANONYMOUS };
      const caller = await signIn(platform, {
        username,
        password,
        client: waitingClient(request),
      });
      // None for robots: their secrets last as long, and can be ended one by one.
      const refreshToken =
        isOffline && caller.user !== undefined
          ? await issueRefreshToken(platform, caller.user, client_id)
          : undefined;
      return { caller, refreshToken };
    }
    case 'refresh_token': {
      const { refresh_token = '' } = form;
      const client = waitingClient(request);
      const user = await onRefusal(redeemRefreshToken(platform, refresh_token), (code) =>
        recordSignIn(platform, 'a refresh token', client, code),
      );
      await recordSignIn(platform, user.username, client);
      // The same one: it ends with its time, however often it is used.
      return { caller: { user }, refreshToken: isOffline ? refresh_token : undefined };
    }
    default:
      throw new Refusal('BAD_REQUEST', 'bad request: grant_type must be password or refresh_token');
  }
}
