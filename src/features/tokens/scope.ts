import type { Caller, RepositoryAction } from '../access/index.ts';

export type Scope =
  | { type: 'repository'; repository: string; actions: RepositoryAction[] }
  | { type: 'catalog' };

/** More scopes than any client asks for in one request. */
const MAX_SCOPES = 16;
/**
 * Clients that use the token of their first request for all that follow, and never ask for another: they
 * get whatever their user may do in the repository, as from Harbor.
 */
const KEEPS_FIRST_TOKEN = /^oras-py/;
export const ACTIONS: RepositoryAction[] = ['pull', 'push', 'delete'];

/**
 * The scopes of a token request: `repository:team/app:pull,push` or `registry:catalog:*`, given several
 * times or with spaces between. What is not understood is left out, as the token specification wants it;
 * scopes of the same repository become one.
 */
export function parseScopes(
  values: string[],
  client: { userAgent?: string | undefined } = {},
): Scope[] {
  const keepsFirstToken = KEEPS_FIRST_TOKEN.test(client.userAgent ?? '');
  const byRepository = new Map<string, Set<RepositoryAction>>();
  let hasCatalog = false;
  const texts = values.flatMap((value) => value.split(' ')).filter((text) => text !== '');
  for (const text of texts.slice(0, MAX_SCOPES)) {
    const match = /^(repository(?:\([a-z0-9]+\))?|registry):(.+):([a-z*,]*)$/.exec(text);
    if (match === null) continue;
    const [, type, name, list] = match as unknown as [string, string, string, string];
    if (type === 'registry') {
      hasCatalog ||= name === 'catalog' && list === '*';
      continue;
    }
    const wanted = byRepository.get(name) ?? new Set();
    for (const action of ACTIONS) {
      if (keepsFirstToken || list === '*' || list.split(',').includes(action)) wanted.add(action);
    }
    byRepository.set(name, wanted);
  }
  const scopes: Scope[] = [...byRepository].map(([repository, actions]) => ({
    type: 'repository',
    repository,
    actions: [...actions],
  }));
  return hasCatalog ? [...scopes, { type: 'catalog' }] : scopes;
}

/** What a token allows, written as its scopes were asked for. */
export function describeScopes({ grants = [], mayListCatalog }: Caller): string {
  const scopes = grants.map(
    ({ repository, actions }) => `repository:${repository}:${actions.join(',')}`,
  );
  return [...scopes, ...(mayListCatalog === true ? ['registry:catalog:*'] : [])].join(' ');
}
