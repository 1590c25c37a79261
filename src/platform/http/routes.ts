import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';

import type { Platform } from '../index.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** A room's routes, registered once in `server/routes.ts`. */
export type Routes = (app: App, platform: Platform) => Promise<void> | void;

declare module 'fastify' {
  interface FastifyRequest {
    /** Where the request came from; an IPv4 address is never written as an IPv6 one. */
    address: string;
  }
  interface FastifyContextConfig {
    /** The permission, `resource:action`, that is asked before the handler; or only that somebody is signed in. */
    access?: string;
    /** Anyone may call this; what they see is the handler's business. */
    open?: boolean;
    /** The handler reads the Authorization header itself: it is no user's. */
    ownCredentials?: boolean;
    /** Where the permission is asked: the project's name or id in this request. Left out: the system. */
    project?: (request: FastifyRequest) => string;
    /** Where the permission is asked: the whole name of a repository. */
    repository?: (request: FastifyRequest) => string;
  }
}
