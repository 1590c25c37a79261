import { Refusal } from '../../lib/errors.ts';
import type { SignedInUser } from '../access/index.ts';

export function requireSelfOrAdmin(caller: SignedInUser, id: number): void {
  if (caller.isSysadmin || caller.id === id) return;
  throw new Refusal('FORBIDDEN', 'forbidden: only a system administrator may do this for others');
}
