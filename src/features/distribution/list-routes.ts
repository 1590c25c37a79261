import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { hasSystemPermission, listAllowedProjectIds, type Caller } from '../access/index.ts';
import { listRepositoryNames, listTagNames } from '../artifacts/index.ts';
import { repositoryOf } from './repository-param.ts';

const ListQuery = Type.Object({
  n: Type.Optional(Type.String()),
  last: Type.Optional(Type.String()),
});

/** OCI 1.1 §listing-tags, and the catalog of the Docker Registry HTTP API v2. */
export const listRoutes: Routes = (app, { db, config }) => {
  app.get(
    '/v2/:name/tags/list',
    {
      schema: { hide: true, querystring: ListQuery },
      config: { access: 'repository:pull', repository: repositoryOf },
    },
    async (request, reply) => {
      const { name } = request.scope!;
      const page = readPage(request.query, config.limits.page_entries);
      const tags = await listTagNames(db, request.scope!, {
        last: page.last,
        limit: page.limit + 1,
      });
      if (tags === undefined) {
        throw new Refusal('NAME_UNKNOWN', `there is no repository ${name}`, { detail: { name } });
      }
      const { entries, link } = cutPage(tags, page, `/v2/${name}/tags/list`);
      if (link !== undefined) reply.header('link', link);
      return { name, tags: entries };
    },
  );

  app.get(
    '/v2/_catalog',
    { schema: { hide: true, querystring: ListQuery }, config: { access: 'catalog' } },
    async (request, reply) => {
      const page = readPage(request.query, config.limits.page_entries);
      const names = await listRepositoryNames(db, {
        last: page.last,
        limit: page.limit + 1,
        projectIds: await visibleProjectIds(request.caller),
      });
      const { entries, link } = cutPage(names, page, '/v2/_catalog');
      if (link !== undefined) reply.header('link', link);
      return { repositories: entries };
    },
  );

  async function visibleProjectIds(caller: Caller): Promise<number[] | 'all'> {
    if (hasSystemPermission(caller, 'catalog:read')) return 'all';
    return listAllowedProjectIds(db, caller, 'repository:pull');
  }
};

interface ListPage {
  limit: number;
  last: string | undefined;
}

function readPage({ n, last }: Type.Static<typeof ListQuery>, maxEntries: number): ListPage {
  if (n !== undefined && !/^\d+$/.test(n)) {
    throw new Refusal('BAD_REQUEST', 'n must be a whole number, 0 or more');
  }
  if (last?.includes('\0') === true) throw new Refusal('BAD_REQUEST', 'last must be a name');
  return { limit: Math.min(n === undefined ? maxEntries : Number(n), maxEntries), last };
}

/** `entries` has one more than the page if there is another page. */
function cutPage(
  entries: string[],
  { limit }: ListPage,
  path: string,
): { entries: string[]; link?: string } {
  if (limit === 0 || entries.length <= limit) return { entries: entries.slice(0, limit) };
  const shown = entries.slice(0, limit);
  const next = new URLSearchParams({ n: String(limit), last: shown.at(-1)! });
  return { entries: shown, link: `<${path}?${next.toString()}>; rel="next"` };
}
