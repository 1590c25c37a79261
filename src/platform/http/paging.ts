import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';

/** The query members of every list of Harbor's API. */
export const PageQuery = Type.Object({
  page: Type.Integer({ minimum: 1, maximum: 1_000_000_000, default: 1 }),
  page_size: Type.Integer({ minimum: 1, maximum: 100, default: 10 }),
});

export type Page = Static<typeof PageQuery>;

export function toLimits({ page, page_size }: Page): { limit: number; offset: number } {
  return { limit: page_size, offset: (page - 1) * page_size };
}

/** Sets `X-Total-Count` and `Link` as Harbor does: relative, `prev` first, each only where there is a page. */
export function setPageHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  page: Page,
  total: number,
) {
  const links: string[] = [];
  const isBeyond = (page.page - 2) * page.page_size >= total;
  if (page.page > 1 && !isBeyond) links.push(pageLink(request, page, page.page - 1, 'prev'));
  if (page.page * page.page_size < total) {
    links.push(pageLink(request, page, page.page + 1, 'next'));
  }
  void reply.header('x-total-count', total);
  if (links.length > 0) void reply.header('link', links.join(' , '));
}

function pageLink(request: FastifyRequest, page: Page, number: number, rel: string): string {
  const [path, query = ''] = request.originalUrl.split('?', 2) as [string, string?];
  const parameters = new URLSearchParams(query);
  parameters.set('page', String(number));
  parameters.set('page_size', String(page.page_size));
  return `<${path}?${parameters.toString()}>; rel="${rel}"`;
}
