import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { createJobMetrics, type JobMetrics } from './job-metrics.ts';

/** The figures of one process. Labels are bounded: never a name, digest, user or address. */
export interface Metrics extends JobMetrics {
  registry: Registry;
  requests: Counter<'method' | 'route' | 'status'>;
  requestSeconds: Histogram<'method' | 'route'>;
  requestsRunning: Gauge;
  requestsLimited: Counter<'by' | 'kind'>;
  bytesReceived: Counter;
  bytesSent: Counter;
  blobRedirects: Counter;
  uploads: Counter<'result'>;
  signIns: Counter<'result'>;
}

/** Of prom-client's own; a name that ends so is for counters alone, as promtool says. */
const NOT_COUNTERS = ['handles', 'requests', 'resources'].map(
  (what) => `nodejs_active_${what}_total`,
);

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of NOT_COUNTERS) registry.removeSingleMetric(name);
  return {
    registry,
    ...requestMetrics(registers),
    bytesReceived: new Counter({
      name: 'roadstead_blob_received_bytes_total',
      help: 'Bytes of blobs that clients sent.',
      registers,
    }),
    bytesSent: new Counter({
      name: 'roadstead_blob_sent_bytes_total',
      help: 'Bytes of blobs that clients were sent.',
      registers,
    }),
    blobRedirects: new Counter({
      name: 'roadstead_blob_redirects_total',
      help: 'Requests for blobs that were sent on to the store.',
      registers,
    }),
    uploads: new Counter({
      name: 'roadstead_blob_uploads_total',
      help: 'Uploads by how they ended: stored, deduplicated, mounted, discarded.',
      labelNames: ['result'],
      registers,
    }),
    signIns: new Counter({
      name: 'roadstead_sign_ins_total',
      help: 'Passwords that were checked, by result: accepted, refused, blocked.',
      labelNames: ['result'],
      registers,
    }),
    ...createJobMetrics(registers),
  };
}

function requestMetrics(
  registers: Registry[],
): Pick<Metrics, 'requests' | 'requestSeconds' | 'requestsRunning' | 'requestsLimited'> {
  return {
    requests: new Counter({
      name: 'roadstead_http_requests_total',
      help: 'Answered requests.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'roadstead_http_request_duration_seconds',
      help: 'From the first byte of a request to the last byte of its answer.',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
      registers,
    }),
    requestsRunning: new Gauge({
      name: 'roadstead_http_requests_running',
      help: 'Requests that are being answered.',
      registers,
    }),
    requestsLimited: new Counter({
      name: 'roadstead_http_requests_limited_total',
      help: 'Requests that a rate limit refused, by whose limit and of what.',
      labelNames: ['by', 'kind'],
      registers,
    }),
  };
}
