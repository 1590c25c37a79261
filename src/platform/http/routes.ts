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

/** Some paths of Harbor's API take a project's name only: there, `1` is no id. */
export type ProjectParameter = 'project_name' | 'project_name_or_id';

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
    /** It works while the registry is read-only, though it may change something. */
    whileReadOnly?: boolean;
    /** The body is a part of a blob: it may take hours. */
    upload?: boolean;
    /** The handler reads the Authorization header itself: it is no user's. */
    ownCredentials?: boolean;
    /** Where the permission is asked: the parameter of the path that names the project. Left out: the system. */
    project?: ProjectParameter;
    /** Where the permission is asked: the whole name of a repository. */
    repository?: (request: FastifyRequest) => string;
  }
}
