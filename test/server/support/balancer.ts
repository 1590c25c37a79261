import { once } from 'node:events';
import { get } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { onEnd } from './program.ts';

const LOOK_MS = 100;

export interface Balancer {
  url: string;
  /** Whether connections are sent to this node. */
  uses(url: string): boolean;
}

/** Hands connections on, byte by byte, to the nodes whose health is 200, as any load balancer does. */
export async function startBalancer(t: TestContext, nodes: string[]): Promise<Balancer> {
  const healthy = new Set<string>();
  const ending = new AbortController();
  const { signal } = ending;
  for (const node of nodes) void watch(node, healthy, signal);
  let turn = 0;
  const server = createServer((client) => {
    const usable = [...healthy];
    const { port } = new URL(usable[(turn += 1) % usable.length] ?? nodes[0]!);
    const node = connect(Number(port), '127.0.0.1');
    client.pipe(node).pipe(client);
    client.on('error', () => node.destroy()).on('close', () => node.destroy());
    node.on('error', () => client.destroy()).on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onEnd(t, () => {
    ending.abort();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, uses: (node) => healthy.has(node) };
}

async function watch(node: string, healthy: Set<string>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await isHealthy(node)) healthy.add(node);
    else healthy.delete(node);
    await sleep(LOOK_MS);
  }
}

/** Over a connection of its own, which any worker may get. */
function isHealthy(node: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get(`${node}/api/v2.0/health`, { agent: false, timeout: 2000 }, (reply) => {
    reply.resume();
    resolve(reply.statusCode === 200);
  })
    .on('timeout', () => resolve(false))
    .on('error', () => resolve(false));
  return promise;
}
