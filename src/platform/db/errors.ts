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
export const isUnstorableText = (error: unknown) => hasCode(error, '22021');

/** The database has not been migrated. */
export const isUndefinedTable = (error: unknown) => hasCode(error, '42P01');

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

/** Whether PostgreSQL could not be reached or is going away, as opposed to refusing the statement. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // All addresses of one host name were tried.
  if (error instanceof AggregateError) return error.errors.every(isDatabaseUnavailable);
  const { code, message, syscall } = error as Error & { code?: string; syscall?: string };
  // Class 08: connection exceptions. 57P01–57P03: shutting down, crashed, starting up. 53300: no slot free.
  if (code !== undefined && /^(08...|57P0[123]|53300)$/.test(code)) return true;
  if (code !== undefined && CONNECTION_CODES.has(code)) {
    return (
      syscall === 'connect' ||
      syscall === 'read' ||
      syscall === 'write' ||
      syscall === 'getaddrinfo'
    );
  }
  return /Connection terminated|timeout exceeded when trying to connect/.test(message);
}
