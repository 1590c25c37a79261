import { Connection } from '../load/connection.ts';
import { runWrk } from '../load/wrk.ts';
import type { Peer } from '../peers/peer.ts';
import { catalogSize, MANY } from '../world.ts';
import type { Case, Context } from './case.ts';

const CONNECTIONS = 4;
const LIST = `/v2/${MANY}/tags/list`;

async function firstPage(peer: Peer, context: Context): Promise<number> {
  const [authorization] = await peer.authorize([MANY], ['pull']);
  const requests = [{ method: 'GET' as const, path: `${LIST}?n=100`, authorization }];
  const rate = await runWrk({ ...context, port: peer.port, requests, connections: CONNECTIONS });
  return rate.perSecond;
}

/** Whole lists, one after another, following the links to further pages. */
async function readLists(
  peer: Peer,
  { seconds }: Context,
  list: { path: string; authorization: string | undefined; least: number },
): Promise<number> {
  const connection = await Connection.open(peer.port);
  const begin = performance.now();
  let lists = 0;
  do {
    const entries = await readList(connection, list);
    if (entries < list.least) throw new Error(`${list.path} gave ${entries} of ${list.least}`);
    lists += 1;
  } while (performance.now() - begin < seconds * 1000);
  connection.close();
  return lists / ((performance.now() - begin) / 1000);
}

async function readList(
  connection: Connection,
  list: { path: string; authorization: string | undefined },
): Promise<number> {
  const { authorization } = list;
  let entries = 0;
  let path: string | undefined = list.path;
  while (path !== undefined) {
    const answer = await connection.expect(200, 'GET', path, { authorization });
    const { tags, repositories } = JSON.parse(answer.body.toString()) as Record<string, string[]>;
    entries += (tags ?? repositories ?? []).length;
    const link: string | undefined = /<([^>]+)>/.exec(answer.headers.get('link') ?? '')?.[1];
    path = link?.replace(/^https?:\/\/[^/]+/, '');
  }
  return entries;
}

const targets = { distribution: 10 };

export const listCases: Case[] = [
  {
    name: 'tags-page',
    title: 'tags of a repository with 100 000: first page of 100',
    unit: 'requests/s',
    targets,
    needs: 'many tags',
    measure: firstPage,
  },
  {
    name: 'tags-all',
    title: 'tags of a repository with 100 000: all',
    unit: 'lists/s',
    targets,
    needs: 'many tags',
    async measure(peer, context) {
      const [authorization] = await peer.authorize([MANY], ['pull']);
      return readLists(peer, context, { path: LIST, authorization, least: context.sizes.manyTags });
    },
  },
  {
    name: 'catalog',
    title: 'catalog of 10 000 repositories, in one page',
    unit: 'lists/s',
    targets,
    needs: 'catalog',
    async measure(peer, context) {
      const authorization = await peer.authorizeCatalog();
      const least = catalogSize(context.sizes);
      return readLists(peer, context, { path: '/v2/_catalog?n=100000', authorization, least });
    },
  },
];
