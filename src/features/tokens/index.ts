export { createBearerTokens, SERVICE, type BearerTokens } from './bearer-token.ts';
export { tokenRoutes } from './routes.ts';
export { requireKeyOf, requireMatchingKey } from './secret-check.ts';
export { createSigningKeys } from './signing-keys.ts';
export { createTokenOwners } from './token-owners.ts';
export { deleteSigningKeys } from './store.ts';
