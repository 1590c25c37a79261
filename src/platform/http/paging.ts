import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';

import { parseConditions, parseSort, type Condition, type SortKey } from '../../lib/list-query.ts';

const LARGEST_PAGE = 100;
/** Most entries of a list that is asked for as a whole: it is made in memory, for anybody. */
const MOST_ENTRIES = 10 * LARGEST_PAGE;

/** The query members of every list of Harbor's API. */
export const PageQuery = Type.Object({
  /** 0 is the first, as 1: clients written in Go send it when nobody named a page. */
  page: Type.Integer({ minimum: 0, maximum: 1_000_000_000, default: 1 }),
  /** 0 is everything, whatever the page. */
  page_size: Type.Integer({ minimum: 0, maximum: LARGEST_PAGE, default: 10 }),
});

export type Page = Static<typeof PageQuery>;

/** The query members of lists that can be filtered and sorted: see `lib/list-query.ts`. */
export const ListQuery = Type.Object({
  q: Type.Optional(Type.String({ maxLength: 8192 })),
  sort: Type.Optional(Type.String({ maxLength: 1024 })),
  ...PageQuery.properties,
});

/** What a store needs to know of the list that is wanted. */
export interface ListOptions {
  conditions: Condition[];
  sort: SortKey[];
  limit: number;
  offset: number;
}

export function toListOptions(query: Static<typeof ListQuery>): ListOptions {
  return {
    conditions: parseConditions(query.q),
    sort: parseSort(query.sort),
    ...toLimits(query),
  };
}

export function toLimits({ page, page_size }: Page): { limit: number; offset: number } {
  if (page_size === 0) return { limit: MOST_ENTRIES, offset: 0 };
  return { limit: page_size, offset: (Math.max(page, 1) - 1) * page_size };
}

/** Sets `X-Total-Count` and `Link` as Harbor does: relative, `prev` first, each only where there is a page,
 * and empty when there is none. */
export function setPageHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  page: Page,
  total: number,
) {
  const links = listNeighbours(page, total).map(([rel, neighbour]) =>
    linkTo(request, { page: String(neighbour.page), page_size: String(neighbour.page_size) }, rel),
  );
  void reply.header('x-total-count', total).header('link', links.join(' , '));
}

/** The same for a list that goes on behind its last entry: `next` are the parameters that ask for the rest. */
export function setNextHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  { total, next }: { total: number; next: Record<string, string> | undefined },
) {
  const link = next === undefined ? '' : linkTo(request, next, 'next');
  void reply.header('x-total-count', total).header('link', link);
}

function listNeighbours(
  { page: asked, page_size }: Page,
  total: number,
): [rel: string, page: Page][] {
  const page = Math.max(asked, 1);
  if (page_size === 0) {
    const rest = { page: MOST_ENTRIES / LARGEST_PAGE + 1, page_size: LARGEST_PAGE };
    return total > MOST_ENTRIES ? [['next', rest]] : [];
  }
  const neighbours: [rel: string, page: Page][] = [];
  if (page > 1 && (page - 2) * page_size < total) {
    neighbours.push(['prev', { page: page - 1, page_size }]);
  }
  if (page * page_size < total) neighbours.push(['next', { page: page + 1, page_size }]);
  return neighbours;
}

function linkTo(request: FastifyRequest, changes: Record<string, string>, rel: string): string {
  const [path, query = ''] = request.url.split('?', 2) as [string, string?];
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) parameters.set(name, value);
  return `<${path}?${parameters.toString()}>; rel="${rel}"`;
}
