/** What PostgreSQL says in a failed statement; see its appendix on error codes. */
interface PostgresError extends Error {
  code: string;
  constraint?: string;
}

function hasCode(error: unknown, code: string, constraint?: string): error is PostgresError {
  if (!(error instanceof Error) || (error as PostgresError).code !== code) return false;
  return constraint === undefined || (error as PostgresError).constraint === constraint;
}

export const isUniqueViolation = (error: unknown, constraint?: string) =>
  hasCode(error, '23505', constraint);

export const isForeignKeyViolation = (error: unknown, constraint?: string) =>
  hasCode(error, '23503', constraint);

/** Whether a text of the request holds NUL, the one character that PostgreSQL can't keep. */
export const isUnstorableText = (error: unknown) =>
  hasCode(error, '22021') || hasCode(error, '22P05'); // the same in JSON

/** The statement took longer than it may. */
export const isStatementTimeout = (error: unknown) => hasCode(error, '57014');

/** The database has not been migrated. */
export const isUndefinedTable = (error: unknown) => hasCode(error, '42P01');

/** A session of a standby, or one that a setting made so. */
export const isReadOnlySession = (error: unknown) => hasCode(error, '25006');

/** PostgreSQL could not write: nothing was done. */
export const isDatabaseFull = (error: unknown) => hasCode(error, '53100');

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);

/** A deadlock, or a serialization failure: nothing was done, and the same may succeed when it is tried again. */
export const isConflict = (error: unknown) => hasCode(error, '40P01') || hasCode(error, '40001');

/**
 * Class 08: connection exceptions. 57P0…: shutting down, crashed, starting up, dropped. Class 53 and 58: no
 * slot, memory or disk left, or the disk fails. 25006: it is a standby now. 57014, 55P03: it took too long, or
 * a lock did. 25P03, 25P04: so did a transaction. 40…: a conflict.
 */
const UNAVAILABLE_CODE = /^(08...|57P0.|53...|58...|25006|57014|55P03|25P0[34]|40001|40P01)$/;

/** What `pg` says, without a code, of a connection that broke: while it waited, before and after it broke. */
const UNAVAILABLE_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|connection error and is not queryable/;

/**
 * Whether PostgreSQL could not be reached, is going away, or had too much to do, as opposed to refusing the
 * statement: the same request may succeed later.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // All addresses of one host name were tried.
  if (error instanceof AggregateError) return error.errors.every(isDatabaseUnavailable);
  const { code, message, syscall } = error as Error & { code?: string; syscall?: string };
  if (code !== undefined && UNAVAILABLE_CODE.test(code)) return true;
  if (code !== undefined && CONNECTION_CODES.has(code)) {
    return (
      syscall === 'connect' ||
      syscall === 'read' ||
      syscall === 'write' ||
      syscall === 'getaddrinfo'
    );
  }
  return UNAVAILABLE_MESSAGE.test(message);
}
