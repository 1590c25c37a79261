/** What a bearer token allows in one repository. The project's id makes it worthless in a later project of
 * the same name. */
export interface RepositoryGrant {
  repository: string;
  projectId: number;
  actions: RepositoryAction[];
}

export type RepositoryAction = 'pull' | 'push' | 'delete';

export interface SignedInUser {
  id: number;
  username: string;
  isSysadmin: boolean;
  /** What was issued to the user is worthless once this is another. */
  passwordChangedAt: Date;
}

/** Who is asking. `grants` is there with a bearer token, which allows what it lists and nothing else. */
export interface Caller {
  user?: SignedInUser;
  grants?: RepositoryGrant[];
  /** With a bearer token: whether it was asked for the catalog. */
  mayListCatalog?: boolean;
}

export const ANONYMOUS: Caller = Object.freeze({});

/** How a caller stands in rows that say who did it. */
export function callerName(caller: Caller): string {
  return caller.user?.username ?? 'anonymous';
}
