import Type, { type Static, type TProperties, type TSchema } from 'typebox';

/** Far more than a certificate in PEM has. */
const MAX_LENGTH = 64 * 1024;
/** Harbor's portal has room for ten digits. */
const LARGEST_NUMBER = 9_999_999_999;

const flag = (value: boolean, description: string) => Type.Boolean({ default: value, description });

const text = (value: string, description: string) =>
  Type.String({ default: value, description, maxLength: MAX_LENGTH });

const someText = (value: string, description: string) =>
  Type.String({ default: value, description, maxLength: MAX_LENGTH, pattern: '\\S' });

const secret = (description: string) =>
  Type.String({ default: '', description, maxLength: MAX_LENGTH, secret: true });

const positive = (value: number, description: string) =>
  Type.Integer({ default: value, description, minimum: 1, maximum: LARGEST_NUMBER });

const ldapScope = (description: string) =>
  Type.Integer({ default: 2, description, minimum: 0, maximum: 2 });

const group = <T extends TProperties>(description: string, settings: T) => ({
  description,
  settings,
});

/** Harbor's settings, by what they are about. The table in docs/settings.md is made from this. */
export const GROUPS = {
  registry: group('The registry.', {
    read_only: flag(
      false,
      'Nothing can be changed, by API, `docker push` or portal: 403. Pulls, signing in and this setting work.',
    ),
    project_creation_restriction: Type.Enum(['everyone', 'adminonly'], {
      default: 'everyone',
      description: 'Who may create projects: `everyone` who is signed in, or `adminonly`.',
    }),
    quota_per_project_enable: flag(true, 'Whether projects have quotas.'),
    storage_per_project: Type.Integer({
      default: -1,
      minimum: -1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Quota in bytes of a new project; -1 is none.',
    }),
    notification_enable: flag(true, 'Whether webhooks are called; nothing reads it yet.'),
    pull_time_update_disable: flag(false, 'Do not record when an artifact was last pulled.'),
    pull_count_update_disable: flag(false, 'Do not count pulls.'),
    scanner_skip_update_pulltime: flag(
      false,
      'A pull by a scanner does not count as one; nothing reads it yet.',
    ),
    banner_message: text(
      '',
      'What the portal shows to everybody: a text in JSON with `message`, `closable`, `type` (`success`, `info`, `warning`, `danger`), `fromDate` and `toDate`.',
    ),
  }),
  sign_in: group('Signing in.', {
    auth_mode: Type.Enum(['db_auth', 'ldap_auth', 'uaa_auth', 'http_auth', 'oidc_auth'], {
      default: 'db_auth',
      description:
        'Where users come from. It can be changed only while there is no user but `admin`.',
    }),
    primary_auth_mode: flag(false, 'The portal offers that way of signing in first.'),
    self_registration: flag(false, 'Whether anybody can make an account in the portal.'),
    session_timeout: positive(
      60,
      'Minutes after which a session in the portal ends that is not used.',
    ),
    token_expiration: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LARGEST_NUMBER,
        description:
          'Minutes for which a bearer token of the token service is valid; never longer than a signing key signs (`tokens.key_lifetime_days`). Until it is set: `tokens.lifetime_seconds` of the [configuration](configuration.md).',
      }),
    ),
    robot_name_prefix: Type.String({
      default: 'robot$',
      minLength: 1,
      maxLength: 255,
      pattern: '^[!-9;-~]+$',
      description: 'What the name of every robot account begins with. It holds no colon.',
    }),
    robot_token_duration: positive(30, 'Days after which a robot account expires, if not given.'),
  }),
  audit: group('The audit log.', {
    disabled_audit_log_event_types: Type.String({
      default: '',
      maxLength: MAX_LENGTH,
      pattern: '^ *([a-z_]+( *, *[a-z_]+)*)? *$',
      description:
        'Event types that are not in the [audit log](audit.md), such as `create_user,login_user`.',
    }),
    pull_audit_log_disable: flag(false, 'Do not log pulls.'),
    audit_log_forward_endpoint: Type.String({
      default: '',
      maxLength: 255,
      pattern: '^(([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5})?$',
      description:
        '`host:port` of a syslog server (TCP) that gets every entry. It must answer when it is set.',
    }),
    skip_audit_log_database: flag(
      false,
      'Entries are only forwarded, and in no list. It needs `audit_log_forward_endpoint`.',
    ),
  }),
  ldap: group('LDAP and Active Directory. Stored; nothing reads it yet.', {
    ldap_url: someText('', 'URL of the server.'),
    ldap_search_dn: text('', 'Who searches.'),
    ldap_search_password: secret('Password of `ldap_search_dn`.'),
    ldap_base_dn: someText('', 'Where users are looked for.'),
    ldap_filter: text('', 'Filter of the search for users.'),
    ldap_uid: someText('cn', 'Attribute that holds the user name.'),
    ldap_scope: ldapScope('How deep users are looked for: 0 base, 1 one level, 2 subtree.'),
    ldap_timeout: Type.Integer({
      default: 5,
      minimum: 0,
      maximum: LARGEST_NUMBER,
      description: 'Seconds to wait for the server.',
    }),
    ldap_verify_cert: flag(true, 'Whether the certificate of the server must be valid.'),
    ldap_group_base_dn: text('', 'Where groups are looked for.'),
    ldap_group_search_filter: text('', 'Filter of the search for groups.'),
    ldap_group_attribute_name: text('', 'Attribute that holds the name of a group.'),
    ldap_group_admin_dn: text('', 'Group whose members are system administrators.'),
    ldap_group_search_scope: ldapScope('How deep groups are looked for, as `ldap_scope`.'),
    ldap_group_membership_attribute: text('memberof', 'Attribute of a user that lists groups.'),
    ldap_group_attach_parallel: flag(false, 'Look groups up at the same time.'),
  }),
  oidc: group('OpenID Connect. Stored; nothing reads it yet.', {
    oidc_name: text('', 'Name of the provider, for people.'),
    oidc_endpoint: text('', 'URL of the provider.'),
    oidc_client_id: text('', 'Client id.'),
    oidc_client_secret: secret('Client secret.'),
    oidc_groups_claim: text('', 'Claim that lists groups.'),
    oidc_admin_group: text('', 'Group whose members are system administrators.'),
    oidc_group_filter: text('', 'Regular expression of the groups that are taken over.'),
    oidc_scope: text('', 'Scopes that are asked for, separated by commas.'),
    oidc_user_claim: text('', 'Claim that holds the user name.'),
    oidc_verify_cert: flag(true, 'Whether the certificate of the provider must be valid.'),
    oidc_auto_onboard: flag(false, 'Make an account at the first sign-in without asking.'),
    oidc_extra_redirect_parms: text(
      '{}',
      'Further parameters for the provider: a JSON object of texts.',
    ),
    oidc_logout: flag(false, 'Sign out at the provider as well.'),
  }),
  http_auth: group('An authenticating proxy. Stored; nothing reads it yet.', {
    http_authproxy_endpoint: text('', 'URL of the proxy.'),
    http_authproxy_tokenreview_endpoint: text('', 'URL of its token review.'),
    http_authproxy_admin_groups: text('', 'Groups whose members are system administrators.'),
    http_authproxy_admin_usernames: text('', 'Users who are system administrators.'),
    http_authproxy_verify_cert: flag(true, 'Whether its certificate must be valid.'),
    http_authproxy_skip_search: flag(false, 'Do not look users up before they are added.'),
    http_authproxy_server_certificate: text('', 'Its certificate, in PEM.'),
  }),
  uaa: group('Cloud Foundry UAA. Stored; nothing reads it yet.', {
    uaa_endpoint: text('', 'URL of the server.'),
    uaa_client_id: text('', 'Client id.'),
    uaa_client_secret: secret('Client secret.'),
    uaa_verify_cert: flag(false, 'Whether its certificate must be valid.'),
  }),
};

const PROPERTIES = {
  ...GROUPS.registry.settings,
  ...GROUPS.sign_in.settings,
  ...GROUPS.audit.settings,
  ...GROUPS.ldap.settings,
  ...GROUPS.oidc.settings,
  ...GROUPS.http_auth.settings,
  ...GROUPS.uaa.settings,
};

export const SettingsSchema = Type.Object(PROPERTIES, { additionalProperties: false });
/** The values of all settings. Those of secrets are not in it. */
export type Settings = Static<typeof SettingsSchema>;
export type SettingName = keyof Settings;

interface Definition extends TSchema {
  type: string;
  default?: unknown;
  secret?: boolean;
}

export const DEFINITIONS = PROPERTIES as unknown as Record<SettingName, Definition>;

export const isSecret = (name: SettingName): boolean => DEFINITIONS[name].secret === true;

export const DEFAULTS = Object.fromEntries(
  Object.entries(DEFINITIONS).flatMap(([name, { default: value }]) =>
    value === undefined ? [] : [[name, value]],
  ),
) as Settings;
