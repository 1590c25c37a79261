import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';

/** The query members of every list of Harbor's API. */
export const PageQuery = Type.Object({
  page: Type.Integer({ minimum: 1, maximum: 1_000_000_000, default: 1 }),
  /** 0 is everything. */
  page_size: Type.Integer({ minimum: 0, maximum: 100, default: 10 }),
});

export type Page = Static<typeof PageQuery>;

export function toLimits({ page, page_size }: Page): { limit: number; offset: number } {
  if (page_size === 0) return { limit: Number.MAX_SAFE_INTEGER, offset: 0 };
  return { limit: page_size, offset: (page - 1) * page_size };
}

/** Sets `X-Total-Count` and `Link` as Harbor does: relative, `prev` first, each only where there is a page,
 * and empty when there is none. */
export function setPageHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  page: Page,
  total: number,
) {
  const { page: number, page_size: size } = page;
  const links: string[] = [];
  if (number > 1 && (number - 2) * size < total) {
    links.push(pageLink(request, page, number - 1, 'prev'));
  }
  if (number * size < total) links.push(pageLink(request, page, number + 1, 'next'));
  if (size === 0) links.length = 0;
  void reply.header('x-total-count', total).header('link', links.join(' , '));
}

function pageLink(request: FastifyRequest, page: Page, number: number, rel: string): string {
  const [path, query = ''] = request.url.split('?', 2) as [string, string?];
  const parameters = new URLSearchParams(query);
  parameters.set('page', String(number));
  parameters.set('page_size', String(page.page_size));
  return `<${path}?${parameters.toString()}>; rel="${rel}"`;
}
