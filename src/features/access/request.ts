import type { FastifyRequest } from 'fastify';

import { describeClient } from '../../platform/http/waiting-client.ts';
import { callerName, type Caller } from './caller.ts';
import type { RepositoryKey } from './decide.ts';
import type { ProjectStanding } from './store.ts';

/** What a request tells of whoever sends it. */
export type ActingRequest = Pick<FastifyRequest, 'caller' | 'address' | 'headers'>;

/** Who asks, from where and with what, for rows and events that say who did it. */
export function actorOf(request: ActingRequest): { actor: string; client: string } {
  return { actor: callerName(request.caller), client: describeClient(request) };
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
    /** The project in which `config.access` was asked. */
    standing?: ProjectStanding;
    /** The repository in which `config.access` was asked. */
    scope?: RepositoryKey;
  }
}
