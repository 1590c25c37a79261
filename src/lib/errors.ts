/** Every code a client can see, with its HTTP status. The names are those of the OCI distribution
 * spec (§error-codes) and of Harbor's API. */
const STATUS = {
  BAD_REQUEST: 400,
  BLOB_UPLOAD_INVALID: 400,
  DIGEST_INVALID: 400,
  MANIFEST_INVALID: 400,
  NAME_INVALID: 400,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  UNSUPPORTED: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  FORBIDDEN: 403,
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_UNKNOWN: 404,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_UNKNOWN: 404,
  NAME_UNKNOWN: 404,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  CONFLICT: 409,
  PRECONDITION: 412,
  VIOLATE_FOREIGN_KEY_CONSTRAINT: 412,
  REQUEST_ENTITY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RANGE_INVALID: 416,
  UNPROCESSABLE_ENTITY: 422,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
} as const;

export type RefusalCode = keyof typeof STATUS;

export interface RefusalOptions extends ErrorOptions {
  /** Anything that helps a client to resolve the matter; sent as the error's `detail`. */
  detail?: unknown;
  /** Headers of the reply, such as `retry-after`. */
  headers?: Record<string, string>;
  /** Where the code's own status says less than another. */
  status?: number;
}

/** An answer the client should read. Anything else that is thrown is a fault of ours: 500. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Record<string, string>;

  constructor(code: RefusalCode, message: string, options: RefusalOptions = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status ?? STATUS[code];
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}

/** Says that the `kind` named `id` is not there. */
export function notFound(kind: string, id: string | number): Refusal {
  return new Refusal('NOT_FOUND', `${kind} ${id} not found`);
}

/** Says that too much is waiting already. The client did nothing wrong and may come again in a moment. */
export function overloaded(what: string): Refusal {
  return new Refusal('UNAVAILABLE', `too many ${what} are waiting; try again`, {
    headers: { 'retry-after': '2' },
  });
}
