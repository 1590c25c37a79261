import type { TestApp } from '../harness.ts';

/** A bearer token for the scopes, as a client gets it. */
export async function fetchToken(
  { as }: Pick<TestApp, 'as'>,
  username: string,
  ...scopes: string[]
): Promise<string> {
  const query = new URLSearchParams(scopes.map((scope) => ['scope', scope]));
  const reply = await as(username).get(`/service/token?${query.toString()}`);
  if (reply.statusCode !== 200) throw new Error(`${reply.statusCode} ${reply.body}`);
  return reply.json<{ token: string }>().token;
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
