import assert from 'node:assert/strict';
import { test } from 'node:test';

import { applyMetadata, showMetadata, type StoredMetadata } from './metadata.ts';

const NEW: StoredMetadata = {
  is_public: false,
  is_read_only: false,
  trash_days: null,
  metadata: {},
};

const set = (given: Record<string, string | null>, stored = NEW) =>
  showMetadata(applyMetadata(stored, given));

/** Undefined: refused. */
const ROWS: [key: string, text: string, value: string | undefined][] = [
  ...[
    'public',
    'enable_content_trust',
    'enable_content_trust_cosign',
    'prevent_vul',
    'auto_scan',
    'auto_sbom_generation',
    'reuse_sys_cve_allowlist',
    'proxy_cache_local_on_not_found',
    'proxy_referrer_api',
  ].flatMap((key): typeof ROWS => [
    [key, 'true', 'true'],
    [key, 'False', 'false'],
    [key, '1', 'true'],
    [key, 'yes', undefined],
    [key, ' true', undefined],
  ]),
  ['severity', 'High', 'high'],
  ['severity', 'none', 'none'],
  ['severity', 'negligible', 'none'],
  ['severity', 'unknown', undefined],
  ['proxy_speed_kb', '-1', '-1'],
  ['proxy_speed_kb', '2147483647', '2147483647'],
  ['proxy_speed_kb', '2147483648', undefined],
  ['proxy_speed_kb', '1.5', undefined],
  ['proxy_speed_kb', '1e3', undefined],
  ['max_upstream_conn', '10', '10'],
  ['max_upstream_conn', '-1', '-1'],
  ['max_upstream_conn', '0', undefined],
  ['proxy_cache_filter_pattern', 'library/**', 'library/**'],
  ['proxy_cache_filter_pattern', 'a'.repeat(1025), undefined],
  ['proxy_cache_filter_kind', 'regex', 'regex'],
  ['proxy_cache_filter_kind', 'glob', undefined],
  ['trash_days', '0', '0'],
  ['trash_days', '9999', '9999'],
  ['trash_days', '10000', undefined],
  ['trash_days', '-1', undefined],
  ['read_only', 'true', 'true'],
  ['retention_id', '7', undefined],
];

test('each key takes the values it can have, in one spelling', () => {
  for (const [key, text, value] of ROWS) {
    if (value === undefined) {
      assert.throws(() => set({ [key]: text }), { code: 'BAD_REQUEST' }, `${key} ${text}`);
    } else {
      assert.equal(set({ [key]: text })[key], value, `${key} ${text}`);
    }
  }
});

test('what is left out stays, and null or nothing unsets', () => {
  const stored = applyMetadata(NEW, { public: 'true', severity: 'low', trash_days: '3' });

  assert.deepEqual(set({}, stored), { public: 'true', severity: 'low', trash_days: '3' });
  assert.deepEqual(set({ severity: null, trash_days: '' }, stored), { public: 'true' });
  assert.deepEqual(set({ public: null, trash_days: 'default' }, stored), {
    public: 'true',
    severity: 'low',
  });
});

test('the retention policy is shown, and can be sent back, but not changed', () => {
  const stored = { ...NEW, metadata: { retention_id: '7' } };

  assert.equal(set({ retention_id: '7', auto_scan: 'true' }, stored).retention_id, '7');
  assert.equal(set({ retention_id: '' }, stored).retention_id, '7');
  assert.throws(() => set({ retention_id: '8' }, stored), { code: 'BAD_REQUEST' });
});
