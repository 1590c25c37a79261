import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

export interface LogOptions {
  level: string;
  /** Where the lines go; standard output when left out. */
  destination?: DestinationStream;
}

/** Headers and members that could carry a secret, wherever somebody logs a whole object. */
const REDACTED = ['authorization', 'cookie', 'set-cookie', 'password', 'secret', 'token'];

/** What helps to find a fault. Errors of libraries carry whole clients with them, which nobody wants to read. */
function describeFault(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const { code, detail, hint, constraint, syscall, path, errors } = error as Error &
    Record<string, unknown>;
  return {
    type: name,
    message,
    code,
    detail,
    hint,
    constraint,
    syscall,
    path,
    stack,
    ...(cause === undefined ? {} : { cause: describeFault(cause) }),
    ...(Array.isArray(errors) ? { errors: errors.map(describeFault) } : {}),
  };
}

export function createLog({ level, destination }: LogOptions): Log {
  const options = {
    level,
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeFault },
    redact: {
      paths: REDACTED.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
      censor: '***',
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
