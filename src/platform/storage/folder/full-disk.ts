import { Refusal } from '../../../lib/errors.ts';

/** A full disk is no fault of the program: whoever pushes should know. */
export function explain(cause: NodeJS.ErrnoException): never {
  if (cause.code !== 'ENOSPC' && cause.code !== 'EDQUOT') throw cause;
  throw new Refusal('UNAVAILABLE', 'the storage of this registry is full; tell its administrator', {
    cause,
    status: 507,
  });
}
