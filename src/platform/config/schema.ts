import Type, { type Static, type TSchema } from 'typebox';

/** Marks a key whose value is never printed. It can also be read from a file: `…_FILE` in the environment. */
const secret = (description: string) =>
  Type.Optional(Type.String({ description, minLength: 1, secret: true }));

const group = <T extends Record<string, TSchema>>(description: string, properties: T) =>
  Type.Object(properties, { description, additionalProperties: false });

const ratePerSecond = (description: string) =>
  Type.Integer({ description, default: 0, minimum: 0, maximum: 1_000_000_000_000 });

/**
 * All that the process needs to start. Each key has an environment variable: `ROADSTEAD_` and its path in
 * upper case (`limits.manifest_bytes`: `ROADSTEAD_LIMITS_MANIFEST_BYTES`), or the name in `env`.
 */
export const ConfigSchema = group('Configuration of `roadstead server`', {
  data: Type.String({
    description:
      'Folder of everything that is kept: the database (unless it is external) and the blobs.',
    default: './data',
  }),
  host: Type.String({
    description: 'Address to listen on. `::` is every address, IPv4 and IPv6.',
    default: '::',
  }),
  port: Type.Integer({
    description: 'Port to listen on.',
    default: 8080,
    minimum: 0,
    maximum: 65535,
  }),
  external_url: Type.Optional(
    Type.String({
      description:
        'URL under which clients reach this registry, such as `https://registry.example.com`. It is used in token challenges and links. Without it the Host header is used.',
      pattern: '^https?://[^/?#]+/?$',
      mustBe: 'http:// or https:// and a host, with a port if need be, without a path',
    }),
  ),
  database_url: Type.Optional(
    Type.String({
      description:
        'Connection string of an external PostgreSQL 16 or newer. Without it the embedded one runs.',
      env: 'DATABASE_URL',
      pattern: '^postgres(ql)?://',
      mustBe: 'a URL that starts with postgres:// or postgresql://',
      secret: true,
    }),
  ),
  admin_password: secret(
    'Password of the account `admin`, set at the first start only. Without it one is generated.',
  ),
  secret_key: secret(
    'Key that encrypts secrets in the database, at least 32 characters. All nodes need the same. Without it one is generated in the data folder.',
  ),
  settings_overwrite: Type.Optional(
    Type.String({
      description:
        'Settings as a JSON object, such as `{"read_only":true}`. They are set at each start, and then no setting can be changed otherwise ([settings](settings.md)).',
      env: 'CONFIG_OVERWRITE_JSON',
      secret: true,
      minLength: 1,
    }),
  ),
  workers: Type.Integer({
    description: 'Number of HTTP worker processes. 0 means one per core.',
    default: 0,
    minimum: 0,
    maximum: 256,
  }),
  trusted_proxies: Type.Array(Type.String(), {
    description:
      'Addresses or networks (CIDR) of proxies whose `X-Forwarded-*` headers are believed.',
    default: [],
  }),
  shutdown_delay_ms: Type.Integer({
    description:
      'How long the server still takes requests when it stops, while `/api/v2.0/health` is 503 already: longer than a load balancer takes to notice. For a node that is one of several.',
    default: 0,
    minimum: 0,
    maximum: 600_000,
  }),
  shutdown_timeout_ms: Type.Integer({
    description: 'How long running requests may take to finish when the server stops.',
    default: 30_000,
    minimum: 0,
  }),
  tls: group('HTTPS. Files are read again when they change.', {
    certificate_file: Type.Optional(
      Type.String({ description: 'PEM file with the certificate and its chain.' }),
    ),
    key_file: Type.Optional(Type.String({ description: 'PEM file with the private key.' })),
    ca_file: Type.Optional(
      Type.String({
        description:
          'PEM file with the certificate of the authority that signed ours. Everybody can download it (`/api/v2.0/systeminfo/getcert`), to make clients trust it.',
      }),
    ),
    http2: Type.Boolean({
      description: 'Offer HTTP/2 besides HTTP/1.1 over TLS.',
      default: false,
    }),
  }),
  database: group('Connections to PostgreSQL.', {
    pool_size: Type.Integer({
      description: 'Connections of each worker process.',
      default: 6,
      minimum: 1,
      maximum: 1000,
    }),
    statement_timeout_ms: Type.Integer({
      description: 'A statement that takes longer is cancelled.',
      default: 60_000,
      minimum: 100,
    }),
  }),
  storage: group(
    'The disk under the data folder: that of the blobs, unless they are in a bucket, and of the embedded database.',
    {
      reserve_bytes: Type.Integer({
        description:
          'Pushes are refused (507) when less than this would be left, so that PostgreSQL, which stops when it can not write, goes on, and with it pulls and deletes. 0: no reserve.',
        default: 1024 ** 3,
        minimum: 0,
      }),
      warn_free_percent: Type.Integer({
        description:
          'With less than this part of the disk left the log has a warning, and `/api/v2.0/health` says `unhealthy` (with 200).',
        default: 5,
        minimum: 0,
        maximum: 100,
      }),
      warn_free_bytes: Type.Integer({
        description: 'On a large disk, where that part would be more than this, this counts.',
        default: 10 * 1024 ** 3,
        minimum: 0,
      }),
    },
  ),
  s3: group('Blobs in a bucket of an S3 store, rather than in the data folder.', {
    bucket: Type.Optional(
      Type.String({ description: 'Name of the bucket. If set, blobs are there.', minLength: 3 }),
    ),
    region: Type.String({ description: 'Region of the bucket.', default: 'us-east-1' }),
    endpoint: Type.Optional(
      Type.String({
        description: 'URL of the store, such as `https://minio.example.com`. Without it AWS.',
        pattern: '^https?://[^/?#@]+/?$',
        mustBe: 'http:// or https:// and a host, with a port if need be, without a path',
      }),
    ),
    path_style: Type.Optional(
      Type.Boolean({
        description:
          'Whether the name of the bucket is in the path, rather than in the host name. Without it: yes if there is an endpoint.',
      }),
    ),
    prefix: Type.String({
      description:
        'Put in front of every key, with a slash between, so that a bucket can be shared.',
      default: '',
      pattern: "^([A-Za-z0-9_.'()-]+(/[A-Za-z0-9_.'()-]+)*/?)?$",
      mustBe: 'letters, digits and - _ . with single slashes between, none at the start',
    }),
    access_key_id: Type.Optional(
      Type.String({
        description:
          'Who we are for the store. Without it the credentials are found as AWS tools find them: environment, profile, web identity, role of the machine.',
        minLength: 1,
      }),
    ),
    secret_access_key: secret('Secret of `s3.access_key_id`.'),
    redirect: Type.Boolean({
      description:
        'Send clients to the store for the bytes of large blobs (307 to a signed URL), rather than hand them through.',
      default: false,
    }),
    redirect_networks: Type.Array(Type.String(), {
      description:
        'Addresses or networks (CIDR) of clients that are sent to the store. Without any, all are.',
      default: [],
    }),
    redirect_endpoint: Type.Optional(
      Type.String({
        description: 'URL of the store for clients, where it differs from `s3.endpoint`.',
        pattern: '^https?://[^/?#@]+/?$',
        mustBe: 'http:// or https:// and a host, with a port if need be, without a path',
      }),
    ),
    redirect_seconds: Type.Integer({
      description: 'How long a signed URL is valid. A download that began goes on.',
      default: 1200,
      minimum: 10,
      maximum: 604_800,
    }),
  }),
  log: group('Logs, as JSON lines on standard output.', {
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
      description: 'Least level that is written: trace, debug, info, warn, error or fatal.',
      default: 'info',
    }),
    requests: Type.Enum(['all', 'changes', 'none'], {
      description:
        'Which requests get a line: `all`, `changes` (what may change something, and what failed), or `none`.',
      default: 'changes',
    }),
  }),
  metrics: group('Figures for Prometheus at `/metrics`.', {
    token: secret('If set, `/metrics` wants `Authorization: Bearer` with this token.'),
  }),
  tokens: group('The token service.', {
    lifetime_seconds: Type.Integer({
      description: 'How long a bearer token is valid.',
      default: 600,
      minimum: 60,
      maximum: 86_400,
    }),
    refresh_lifetime_days: Type.Integer({
      description: 'How long a refresh token is valid.',
      default: 90,
      minimum: 1,
      maximum: 3650,
    }),
    key_lifetime_days: Type.Integer({
      description: 'How long a signing key signs before a new one takes over.',
      default: 30,
      minimum: 1,
      maximum: 3650,
    }),
  }),
  gc: group('When space comes back. Nothing that a manifest refers to is ever removed.', {
    grace_seconds: Type.Integer({
      description:
        'How long a blob that was pushed, mounted or asked for may wait for its manifest.',
      default: 86_400,
      minimum: 0,
    }),
    hold_seconds: Type.Integer({
      description:
        'How long the bytes of a blob that was collected stay in the store: longer than any download, signed URL or backup takes.',
      default: 86_400,
      minimum: 0,
    }),
    upload_seconds: Type.Integer({
      description: 'An upload that nobody went on with for this long is given up.',
      default: 7 * 86_400,
      minimum: 60,
    }),
    interval_seconds: Type.Integer({
      description: 'How often the collector looks for something to do.',
      default: 60,
      minimum: 1,
    }),
  }),
  trash: group('What is deleted can be restored for a while.', {
    days: Type.Integer({
      description:
        'How many days what was deleted stays in the trash, unless its project says otherwise. 0: it is removed soon.',
      default: 14,
      minimum: 0,
      maximum: 9999,
    }),
  }),
  audit: group('The audit log.', {
    pulls: Type.Enum(['batched', 'strict', 'off'], {
      description:
        'How pulls are written down: `batched`, once a second, equal ones counted together (a process that is killed loses its last second); `strict`, each before it is answered; or `off`.',
      default: 'batched',
    }),
    retention_days: Type.Integer({
      description:
        'How long entries are kept, at least: they are removed by whole months. 0: for ever.',
      default: 365,
      minimum: 0,
      maximum: 36_500,
    }),
  }),
  manifests: group('What manifests are accepted.', {
    allow_missing_blobs: Type.Boolean({
      description:
        'Accept image manifests whose layers are not in the repository (sparse images). They can be pulled only where the client has those layers.',
      default: false,
    }),
  }),
  limits: group('Sizes above these are refused with 413.', {
    manifest_bytes: Type.Integer({
      description: 'Size of a manifest.',
      default: 4 * 1024 * 1024,
      minimum: 1024,
      maximum: 64 * 1024 * 1024,
    }),
    blob_bytes: Type.Integer({
      description: 'Size of a blob. 0 means no limit.',
      default: 0,
      minimum: 0,
    }),
    tags_per_push: Type.Integer({
      description: 'Tags in one manifest push (`?tag=`).',
      default: 100,
      minimum: 10,
      maximum: 10_000,
    }),
    page_entries: Type.Integer({
      description: 'Most entries of one page of tags, catalog or referrers.',
      default: 100_000,
      minimum: 1,
      maximum: 1_000_000,
    }),
    idle_body_ms: Type.Integer({
      description:
        'A request body that sends nothing for this long is given up, and one that is no upload when it takes longer.',
      default: 60_000,
      minimum: 1000,
    }),
  }),
  rate_limits: group(
    'What one client may have of this node; 0 is no limit. Above it: 429, with `Retry-After` ([overload](overload.md)).',
    {
      address_requests_per_second: ratePerSecond('Requests of an address (IPv6: a network, /64).'),
      address_bytes_per_second: ratePerSecond('Bytes of bodies to and from an address.'),
      user_requests_per_second: ratePerSecond('Requests of a user, from wherever they come.'),
      user_bytes_per_second: ratePerSecond('Bytes of bodies to and from a user.'),
      burst_seconds: Type.Integer({
        description: 'After a rest a client may have as much at once as this time gives.',
        default: 60,
        minimum: 1,
        maximum: 86_400,
      }),
    },
  ),
  overload: group(
    'What may wait in each worker process. What comes above it is refused at once: 503, with `Retry-After` ([overload](overload.md)).',
    {
      waiting_lookups: Type.Integer({
        description: 'Look-ups of the pull path, of each sort.',
        default: 10_000,
        minimum: 1,
      }),
      waiting_queries: Type.Integer({
        description: 'Everything else that waits for a connection to PostgreSQL.',
        default: 1000,
        minimum: 1,
      }),
    },
  ),
});

/** The values as they were read, all defaults filled in. Plain data: it can be sent to a worker. */
export type ConfigValues = Static<typeof ConfigSchema>;

export interface ConfigKey {
  path: string[];
  env: string;
  schema: TSchema & {
    description?: string;
    default?: unknown;
    secret?: boolean;
    env?: string;
    /** What a person reads instead of the pattern. */
    mustBe?: string;
  };
}

/** Every key of the schema that is not a group, in order. */
export function listConfigKeys(schema: TSchema = ConfigSchema, path: string[] = []): ConfigKey[] {
  const properties = (schema as { properties?: Record<string, TSchema> }).properties;
  if (properties === undefined) {
    const env = (schema as { env?: string }).env;
    return [{ path, env: env ?? `ROADSTEAD_${path.join('_').toUpperCase()}`, schema }];
  }
  return Object.entries(properties).flatMap(([name, child]) =>
    listConfigKeys(child, [...path, name]),
  );
}
