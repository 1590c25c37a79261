import { runHead } from '../load/head.ts';
import { shuffle, type PlainRequest, type Rate } from '../load/requests.ts';
import { runWrk } from '../load/wrk.ts';
import type { Sizes } from '../options.ts';
import type { Peer } from '../peers/peer.ts';
import { configOf, FEW, FEW_TAGS, MANY, manifestOf, repositoryName, tagName } from '../world.ts';
import type { Case, Context } from './case.ts';

const CONNECTIONS = 32;
const MANY_CONNECTIONS = 500;

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The same paths for every peer; made once. */
const paths = {
  byTag: once(({ repositories, tags }) =>
    indexes(repositories).map((r) =>
      indexes(tags).map((t) => `/v2/${repositoryName(r)}/manifests/${tagName(t)}`),
    ),
  ),
  byDigest: once(({ repositories, tags }) =>
    indexes(repositories).map((r) => {
      const name = repositoryName(r);
      return indexes(tags).map((t) => `/v2/${name}/manifests/${manifestOf(name, t).digest}`);
    }),
  ),
  blobs: once(({ repositories }) =>
    indexes(repositories).map((r) => {
      const name = repositoryName(r);
      return [`/v2/${name}/blobs/${configOf(name).digest}`];
    }),
  ),
};

function once(make: (sizes: Sizes) => string[][]): (sizes: Sizes) => string[][] {
  let made: string[][] | undefined;
  return (sizes) => (made ??= make(sizes));
}

async function toRequests(
  peer: Peer,
  { sizes }: Context,
  method: 'GET' | 'HEAD',
  pathsOf: (sizes: Sizes) => string[][],
): Promise<PlainRequest[]> {
  const names = indexes(sizes.repositories).map(repositoryName);
  const authorizations = await peer.authorize(names, ['pull']);
  const requests = pathsOf(sizes).flatMap((ofOne, r) =>
    ofOne.map((path) => ({ method, path, authorization: authorizations[r] })),
  );
  return shuffle(requests);
}

async function get(
  peer: Peer,
  context: Context,
  pathsOf: (sizes: Sizes) => string[][],
  connections = CONNECTIONS,
): Promise<Rate> {
  const requests = await toRequests(peer, context, 'GET', pathsOf);
  return runWrk({ ...context, port: peer.port, requests, connections });
}

async function head(
  peer: Peer,
  context: Context,
  pathsOf: (sizes: Sizes) => string[][],
): Promise<Rate> {
  const requests = await toRequests(peer, context, 'HEAD', pathsOf);
  const { seconds } = context;
  return runHead({ port: peer.port, requests, connections: CONNECTIONS, seconds });
}

/** Random tags of one repository. */
async function getTagsOf(
  peer: Peer,
  context: Context,
  { name, tags }: { name: string; tags: number },
): Promise<Rate> {
  const [authorization] = await peer.authorize([name], ['pull']);
  const requests = shuffle(indexes(tags)).map((t) => ({
    method: 'GET' as const,
    path: `/v2/${name}/manifests/${tagName(t)}`,
    authorization,
  }));
  return runWrk({ ...context, port: peer.port, requests, connections: CONNECTIONS });
}

const unit = 'requests/s';

export const smallReadCases: Case[] = [
  {
    name: 'manifest-tag',
    title: 'GET manifest by tag',
    unit,
    targets: { distribution: 3.2, zot: 2 },
    measure: async (peer, context) => (await get(peer, context, paths.byTag)).perSecond,
  },
  {
    name: 'manifest-digest',
    title: 'GET manifest by digest',
    unit,
    targets: { distribution: 3.2, zot: 2 },
    measure: async (peer, context) => (await get(peer, context, paths.byDigest)).perSecond,
  },
  {
    name: 'head-manifest',
    title: 'HEAD manifest by tag',
    unit,
    targets: { distribution: 3.5, zot: 2 },
    measure: async (peer, context) => (await head(peer, context, paths.byTag)).perSecond,
  },
  {
    name: 'head-blob',
    title: 'HEAD blob',
    unit,
    targets: { distribution: 2.1, zot: 1.5 },
    measure: async (peer, context) => (await head(peer, context, paths.blobs)).perSecond,
  },
  {
    name: 'get-blob',
    title: 'GET 3 kB blob',
    unit,
    targets: { distribution: 16, zot: 1.5 },
    measure: async (peer, context) => (await get(peer, context, paths.blobs)).perSecond,
  },
  {
    name: 'tail',
    title: 'GET manifest by tag, 500 connections: p99 / p50',
    unit: '×',
    isLow: true,
    limit: 10,
    async measure(peer, context) {
      const { p50Ms, p99Ms } = await get(peer, context, paths.byTag, MANY_CONNECTIONS);
      return p99Ms / p50Ms;
    },
  },
  {
    name: 'flat-few',
    title: 'GET manifest by tag, one repository of 10 tags',
    unit,
    onlyUs: true,
    measure: async (peer, context) =>
      (await getTagsOf(peer, context, { name: FEW, tags: FEW_TAGS })).perSecond,
  },
  {
    name: 'flat-many',
    title: 'GET manifest by tag, one repository of 100 000 tags',
    unit,
    needs: 'many tags',
    onlyUs: true,
    measure: async (peer, context) =>
      (await getTagsOf(peer, context, { name: MANY, tags: context.sizes.manyTags })).perSecond,
  },
];
