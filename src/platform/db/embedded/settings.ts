/**
 * Given on the command line, so that they are those of this release whatever the data folder says.
 * Sized for a registry on a small machine: many short queries, high churn in queues, little memory.
 */
const DEFAULTS: Record<string, string> = {
  listen_addresses: '',
  port: '5432',
  unix_socket_permissions: '0700',
  max_connections: '100',

  // Nothing that was acknowledged is lost.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'replica',
  max_wal_senders: '0',

  shared_buffers: '64MB',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  effective_cache_size: '1GB',
  jit: 'off',
  io_method: 'worker',
  io_workers: '2',
  // Parallel queries need /dev/shm, of which a container has 64 MB, and processes.
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  max_worker_processes: '4',
  max_logical_replication_workers: '0',

  checkpoint_timeout: '5min',
  checkpoint_completion_target: '0.9',
  min_wal_size: '128MB',
  max_wal_size: '1GB',
  random_page_cost: '1.1',

  // Job, outbox and upload rows live for seconds: clean up early and in small steps.
  autovacuum_naptime: '15s',
  autovacuum_max_workers: '2',
  autovacuum_vacuum_scale_factor: '0.05',
  autovacuum_analyze_scale_factor: '0.05',
  autovacuum_vacuum_insert_scale_factor: '0.1',
  autovacuum_vacuum_cost_limit: '1000',

  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %q%a ',
};

/** Ends the queries of a server that was killed; only where the kernel reports a closed peer. */
const LINUX: Record<string, string> = { client_connection_check_interval: '2s' };

export function settingArguments(own: Record<string, string>): string[] {
  const all = { ...DEFAULTS, ...(process.platform === 'linux' ? LINUX : {}), ...own };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
