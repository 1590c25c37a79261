import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { Reply } from '../../platform/http/harbor-body.ts';
import type { App, Routes } from '../../platform/http/routes.ts';
import type { Platform } from '../../platform/index.ts';
import { ANONYMOUS, type Caller } from '../access/index.ts';
import { signIn } from '../accounts/index.ts';
import { SERVICE, type BearerTokens } from './bearer-token.ts';
import { grantScopes } from './grant.ts';
import { issueRefreshToken, redeemRefreshToken } from './refresh-token.ts';
import { parseScopes, type Scope } from './scope.ts';

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
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 64 * 1024 },
      (_request, body, done) => done(null, parseForm(body as string)),
    );

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
      async ({ query, caller, headers }) => {
        requireService(query.service);
        const scopes = listScopes(query.scope);
        if (caller.user === undefined && scopes.length === 0) {
          throw new Refusal('UNAUTHORIZED', 'unauthorized: sign in, or ask for a scope');
        }
        return makeReply(caller, parseScopes(scopes, { userAgent: headers['user-agent'] }));
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
        config: { open: true },
      },
      async ({ body, address }) => {
        requireService(body.service);
        const caller = await redeem(platform, body, address);
        const reply = await makeReply(caller, parseScopes(listScopes(body.scope)));
        if (body.access_type !== 'offline' || caller.user === undefined) return reply;
        const clientId = body.client_id ?? '';
        return {
          ...reply,
          refresh_token: await issueRefreshToken(platform, caller.user, clientId),
        };
      },
    );

    async function makeReply(caller: Caller, scopes: Scope[]) {
      const granted = await grantScopes(platform.lookups, caller, scopes);
      const { token, issuedAt } = await tokens.issue(granted);
      return {
        token,
        access_token: token,
        expires_in: platform.config.tokens.lifetime_seconds,
        issued_at: issuedAt.toISOString(),
      };
    }
  };

/** A member that is given several times becomes a list. */
function parseForm(body: string): Record<string, string | string[]> {
  const parameters = new URLSearchParams(body);
  const names = new Set(parameters.keys());
  return Object.fromEntries(
    [...names].map((name) => {
      const values = parameters.getAll(name);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}

const listScopes = (scope: string | string[] | undefined): string[] =>
  scope === undefined ? [] : [scope].flat().filter((text) => text !== '');

function requireService(service: string | undefined): void {
  if (service === undefined || service === '' || service === SERVICE) return;
  throw new Refusal('BAD_REQUEST', `bad request: this token service is for the service ${SERVICE}`);
}

async function redeem(platform: Platform, form: TokenForm, address: string): Promise<Caller> {
  switch (form.grant_type) {
    case 'password': {
      const { username, password } = form;
      if (username === undefined || password === undefined) {
        throw new Refusal(
          'BAD_REQUEST',
          'bad request: grant_type password needs username and password',
        );
      }
      // Some clients send this form without a name to ask as nobody.
      if (username === '' && password === '') return ANONYMOUS;
      return { user: await signIn(platform, { username, password, address }) };
    }
    case 'refresh_token':
      return { user: await redeemRefreshToken(platform, form.refresh_token ?? '') };
    default:
      throw new Refusal('BAD_REQUEST', 'bad request: grant_type must be password or refresh_token');
  }
}
