import type { FastifyRequest } from 'fastify';

import { Refusal } from '../../lib/errors.ts';
import type { App } from './routes.ts';

/** Far more than any client sends. */
const MAX_MEMBERS = 100;

/** Lets the routes of `app` take forms. A member that is given several times becomes a list. */
export function acceptForms(app: App): void {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 64 * 1024 },
    async (_request: FastifyRequest, body: string) => parseForm(body),
  );
}

function parseForm(body: string): Record<string, string | string[]> {
  const members = [...new URLSearchParams(body)];
  if (members.length > MAX_MEMBERS) {
    throw new Refusal('BAD_REQUEST', `bad request: a form has at most ${MAX_MEMBERS} members`);
  }
  const byName = Map.groupBy(members, ([name]) => name);
  return Object.fromEntries(
    [...byName].map(([name, same]) => {
      const values = same.map(([, value]) => value);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}
