/** What the peers, which run open, have not, and what the run leaves behind. */
import { Connection } from '../load/connection.ts';
import { runWrk } from '../load/wrk.ts';
import { isUs, type Peer, type Us } from '../peers/peer.ts';
import { memoryOf } from '../processes.ts';
import {
  MANIFEST_TYPE,
  manyMoreName,
  manyMoreRepositories,
  repositoryName,
  tagName,
} from '../world.ts';
import type { Case, Context } from './case.ts';

const CONNECTIONS = 8;

function requireUs(peer: Peer): Us {
  if (!isUs(peer)) throw new Error('only our own server has this');
  return peer;
}

/** `docker login` has no memory of an earlier one on the client's side; the server may have. */
async function issueTokens(peer: Peer, context: Context): Promise<number> {
  const { username, password } = requireUs(peer).account;
  const scope = encodeURIComponent(`repository:${repositoryName(0)}:pull`);
  const path = `/service/token?scope=${scope}`;
  const authorization = `Basic ${btoa(`${username}:${password}`)}`;
  const requests = [{ method: 'GET' as const, path, authorization }];
  const rate = await runWrk({ ...context, port: peer.port, requests, connections: CONNECTIONS });
  return rate.perSecond;
}

/** The form that docker sends, with a refresh token as the answer. */
async function logIn(peer: Peer, { seconds }: Context): Promise<number> {
  const { username, password } = requireUs(peer).account;
  const form = { grant_type: 'password', client_id: 'bench', access_type: 'offline' };
  const text = new URLSearchParams({ ...form, username, password });
  const body = Buffer.from(text.toString());
  const type = 'application/x-www-form-urlencoded';
  const begin = performance.now();
  let count = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const connection = await Connection.open(peer.port);
      while (performance.now() - begin < seconds * 1000) {
        await connection.expect(200, 'POST', '/service/token', { type, body });
        count += 1;
      }
      connection.close();
    }),
  );
  return count / ((performance.now() - begin) / 1000);
}

async function restart(peer: Peer, { sizes }: Context): Promise<number> {
  const us = requireUs(peer);
  await us.seed(manyMoreRepositories(sizes));
  const name = manyMoreName(0);
  const [authorization] = await us.authorize([name], ['pull']);
  return us.restart(async () => {
    const { status } = await fetch(
      `http://127.0.0.1:${us.port}/v2/${name}/manifests/${tagName(1)}`,
      {
        headers: { authorization: authorization!, accept: MANIFEST_TYPE },
      },
    );
    return status === 200;
  });
}

export const tokenCases: Case[] = [
  {
    name: 'token',
    title: 'token by name and password',
    unit: 'requests/s',
    onlyUs: true,
    measure: issueTokens,
  },
  {
    name: 'login',
    title: 'login with a refresh token',
    unit: 'requests/s',
    onlyUs: true,
    measure: logIn,
  },
];

const memory = { unit: 'MB', isLow: true, once: true, isCold: true } as const;

export const lastCases: Case[] = [
  {
    ...memory,
    name: 'memory',
    title: 'resident memory after the run, shared pages once (PSS), all processes',
    limit: 400,
    measure: async ({ pid }) => memoryOf(pid).pss,
  },
  {
    ...memory,
    name: 'memory-rss',
    title: 'the same, shared pages counted in each process (RSS)',
    measure: async ({ pid }) => memoryOf(pid).rss,
  },
  {
    name: 'restart',
    title: 'first manifest after a restart with 1 000 000 tags',
    unit: 's',
    isLow: true,
    limit: 3,
    onlyUs: true,
    once: true,
    isCold: true,
    measure: restart,
  },
];
