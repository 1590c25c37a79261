import type { Server } from './server.ts';

export interface Referrer {
  digest: string;
  mediaType: string;
  artifactType?: string;
}

/** What the registry lists for a digest at `/v2/<repository>/referrers/<digest>`. */
export async function listReferrers(
  server: Server,
  repository: string,
  digest: string,
): Promise<Referrer[]> {
  const reply = await server.request('GET', `/v2/${repository}/referrers/${digest}`);
  if (reply.status !== 200) throw new Error(`referrers: ${reply.status} ${await reply.text()}`);
  return ((await reply.json()) as { manifests: Referrer[] }).manifests;
}
