import { Counter, Gauge, type Registry } from 'prom-client';

/** What the jobs worker counts. The gauges tell of the whole registry: they are the same on every node. */
export interface JobMetrics {
  eventLag: Gauge;
  eventOldest: Gauge;
  auditUnforwarded: Gauge;
  trashItems: Gauge;
  trashBytes: Gauge;
  trashOldest: Gauge;
  gcFreed: Counter;
  gcReclaimable: Gauge;
  gcWaiting: Gauge;
  gcOldest: Gauge;
  gcHeldSince: Gauge<'hold'>;
  storageFree: Gauge<'content'>;
  storageTotal: Gauge<'content'>;
}

export function createJobMetrics(registers: Registry[]): JobMetrics {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  return {
    eventLag: gauge(
      'roadstead_event_lag_seconds',
      'How long the oldest event has waited for its place in the feed. The same on every node.',
    ),
    eventOldest: gauge(
      'roadstead_event_oldest_seconds',
      'How old the oldest event is that is still kept. The same on every node.',
    ),
    auditUnforwarded: gauge(
      'roadstead_audit_unforwarded_events',
      'Entries of the audit log that wait for the syslog server. The same on every node.',
    ),
    trashItems: gauge(
      'roadstead_trash_items',
      'Deletions in the trash that can be restored. The same on every node.',
    ),
    trashBytes: gauge(
      'roadstead_trash_bytes',
      'Bytes of blobs that only manifests in the trash refer to. The same on every node.',
    ),
    trashOldest: gauge(
      'roadstead_trash_oldest_seconds',
      'For how long the oldest deletion has been in the trash. The same on every node.',
    ),
    gcFreed: new Counter({
      name: 'roadstead_gc_freed_bytes_total',
      help: 'Bytes that were removed from the store.',
      registers,
    }),
    gcReclaimable: gauge(
      'roadstead_gc_reclaimable_bytes',
      'Bytes of blobs that nothing refers to and that can be collected now. The same on every node.',
    ),
    gcWaiting: gauge(
      'roadstead_gc_waiting_bytes',
      'Bytes that were collected and wait for their removal from the store. The same on every node.',
    ),
    gcOldest: gauge(
      'roadstead_gc_oldest_candidate_seconds',
      'For how long the oldest candidate has been due. Far above the interval: the collector does not keep up.',
    ),
    gcHeldSince: new Gauge({
      name: 'roadstead_gc_held_since_timestamp_seconds',
      help: 'Since when a hold keeps garbage collection from removing anything. Not there: nothing is held.',
      labelNames: ['hold'],
      registers,
    }),
    storageFree: new Gauge({
      name: 'roadstead_storage_free_bytes',
      help: "What is left on this node's disk of the blobs, or of the database. Not there: they are not on this node.",
      labelNames: ['content'],
      registers,
    }),
    storageTotal: new Gauge({
      name: 'roadstead_storage_total_bytes',
      help: 'The size of that disk.',
      labelNames: ['content'],
      registers,
    }),
  };
}
