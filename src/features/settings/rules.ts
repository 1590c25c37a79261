import { Refusal } from '../../lib/errors.ts';
import { DEFINITIONS, type SettingName, type Settings } from './definitions.ts';

type Given = Partial<Settings>;

/** Passes when each value makes sense by itself, where its schema can't say so. */
export function requireSound(given: Given): void {
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) {
      throw unfit(name, 'holds a character that is none');
    }
  }
  const {
    storage_per_project,
    audit_log_forward_endpoint: endpoint = '',
    oidc_extra_redirect_parms: parameters = '{}',
  } = given;
  if (storage_per_project === 0) {
    throw unfit('storage_per_project', 'is a number of bytes, or -1 for no limit');
  }
  if (Number(/:(\d+)$/.exec(endpoint)?.[1] ?? 1) > 65_535) {
    throw unfit('audit_log_forward_endpoint', 'has a port over 65535');
  }
  if (!isMapOfTexts(parameters)) {
    throw unfit('oidc_extra_redirect_parms', 'must be a JSON object of texts, such as {}');
  }
}

/** Passes when all values together make sense. */
export function requireConsistent(
  before: Settings,
  after: Settings,
  { hasUsers }: { hasUsers: boolean },
): void {
  if (hasUsers && before.auth_mode !== after.auth_mode) {
    throw unfit('auth_mode', 'can not be changed as there are users already');
  }
  if (after.skip_audit_log_database && after.audit_log_forward_endpoint === '') {
    throw unfit(
      'skip_audit_log_database',
      'needs audit_log_forward_endpoint: without both, entries would be nowhere',
    );
  }
}

function isMapOfTexts(json: string): boolean {
  try {
    const map: unknown = JSON.parse(json);
    return (
      typeof map === 'object' &&
      map !== null &&
      !Array.isArray(map) &&
      Object.values(map).every((value) => typeof value === 'string')
    );
  } catch {
    return false;
  }
}

/** Refuses names that no setting has, for input that nobody else has checked. */
export function requireKnown(names: string[]): asserts names is SettingName[] {
  for (const name of names) {
    if (!Object.hasOwn(DEFINITIONS, name)) throw unfit(name, 'is no setting');
  }
}

const unfit = (name: string, what: string) =>
  new Refusal('BAD_REQUEST', `bad request: the setting ${name} ${what}`);
