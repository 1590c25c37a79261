import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import Value from 'typebox/value';
import { parse as parseYaml } from 'yaml';

import { ConfigSchema, listConfigKeys, type ConfigKey, type ConfigValues } from './schema.ts';

/** A mistake in the configuration. The message names the key and says what it should be. */
export class ConfigError extends Error {}

type Environment = Record<string, string | undefined>;
type Tree = { [key: string]: unknown };

/**
 * Reads the configuration: defaults, then the YAML file (`ROADSTEAD_CONFIG`, or `roadstead.yaml` in the
 * working folder if it is there), then the environment. Throws a `ConfigError` that lists every mistake.
 */
export function readConfig(environment: Environment = process.env): ConfigValues {
  const tree = readFile(environment['ROADSTEAD_CONFIG']);
  const mistakes = [...applyEnvironment(tree, environment)];
  const values = Value.Default(ConfigSchema, withGroups(tree));
  mistakes.push(...listMistakes(values));
  if (mistakes.length > 0) throw new ConfigError(mistakes.join('\n'));
  const config = values as ConfigValues;
  mistakes.push(...listContradictions(config));
  if (mistakes.length > 0) throw new ConfigError(mistakes.join('\n'));
  config.data = resolve(config.data);
  return config;
}

function readFile(name: string | undefined): Tree {
  if (name === undefined && !existsSync('roadstead.yaml')) return {};
  const file = name ?? 'roadstead.yaml';
  try {
    const tree: unknown = parseYaml(readFileSync(file, 'utf8')) ?? {};
    if (!isTree(tree)) throw new Error('it must hold keys and values');
    return tree;
  } catch (cause) {
    // YAML's messages go on with the lines around the mistake, and those may hold a secret.
    const [message] = (cause as Error).message.split('\n', 1);
    throw new ConfigError(`${file}: ${message}`, { cause });
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function* applyEnvironment(tree: Tree, environment: Environment): Generator<string> {
  const keys = listConfigKeys();
  for (const key of keys) {
    try {
      const text = readVariable(key, environment);
      if (text !== undefined) assign(tree, key.path, parseText(key, text));
    } catch (cause) {
      yield (cause as Error).message;
    }
  }
  const known = new Set(
    keys.flatMap(({ env, schema }) => (schema.secret === true ? [env, `${env}_FILE`] : [env])),
  );
  for (const name of Object.keys(environment)) {
    if (name.startsWith('ROADSTEAD_') && name !== 'ROADSTEAD_CONFIG' && !known.has(name)) {
      yield `${name} is not a setting of roadstead; see docs/configuration.md`;
    }
  }
}

function readVariable({ env, schema }: ConfigKey, environment: Environment): string | undefined {
  const file = schema.secret === true ? environment[`${env}_FILE`] : undefined;
  if (file === undefined || file === '') {
    return environment[env] === '' ? undefined : environment[env];
  }
  if (environment[env]) throw new Error(`${env} and ${env}_FILE are both set; set one of them`);
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (cause) {
    throw new Error(`${env}_FILE: ${(cause as Error).message}`, { cause });
  }
}

function parseText({ schema }: ConfigKey, text: string): unknown {
  const type = (schema as { type?: string }).type;
  if (type === 'integer') return /^-?\d+$/.test(text) ? Number(text) : text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (type === 'array') return text.split(',').map((item) => item.trim());
  return text;
}

function assign(tree: Tree, path: string[], value: unknown): void {
  const [name, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  if (!isTree(tree[name])) tree[name] = {};
  assign(tree[name] as Tree, rest, value);
}

/** Defaults are filled into groups only where the group is there. */
function withGroups(tree: Tree): Tree {
  const result = { ...tree };
  for (const { path } of listConfigKeys()) {
    const [name, ...rest] = path as [string, ...string[]];
    if (rest.length > 0 && result[name] === undefined) result[name] = {};
  }
  return result;
}

function listMistakes(values: unknown): string[] {
  // An unknown key is reported twice: in its group, and as the place where nothing may stand.
  const errors = Value.Errors(ConfigSchema, values).filter(({ keyword }) => keyword !== 'boolean');
  return errors.map((error) => {
    const key = error.instancePath.slice(1).replaceAll('/', '.');
    const unknown = (error.params as { additionalProperties?: string[] }).additionalProperties;
    if (unknown !== undefined) {
      return unknown
        .map((name) => `${key === '' ? '' : `${key}.`}${name}: there is no such key`)
        .join('\n');
    }
    const { mustBe } = listConfigKeys().find(({ path }) => path.join('.') === key)?.schema ?? {};
    if (error.keyword === 'pattern' && mustBe !== undefined) return `${key}: must be ${mustBe}`;
    const allowed = (error.params as { allowedValues?: unknown[] }).allowedValues;
    return `${key}: ${error.message}${allowed === undefined ? '' : `: ${allowed.join(', ')}`}`;
  });
}

function* listContradictions(config: ConfigValues): Generator<string> {
  const { certificate_file, key_file, ca_file, http2 } = config.tls;
  if ((certificate_file === undefined) !== (key_file === undefined)) {
    yield 'tls: certificate_file and key_file belong together; set both or neither';
  }
  if (http2 && certificate_file === undefined) {
    yield 'tls.http2: HTTP/2 needs HTTPS; set tls.certificate_file and tls.key_file';
  }
  for (const file of [certificate_file, key_file, ca_file]) {
    if (file !== undefined && !existsSync(file)) yield `tls: there is no file ${file}`;
  }
  const networks = {
    trusted_proxies: config.trusted_proxies,
    's3.redirect_networks': config.s3.redirect_networks,
  };
  for (const [key, texts] of Object.entries(networks)) {
    for (const network of texts.filter((text) => !isNetwork(text))) {
      yield `${key}: ${network} is neither an address nor a network such as 10.0.0.0/8`;
    }
  }
  yield* listContradictionsOfS3(config);
  if (config.secret_key !== undefined && config.secret_key.length < 32) {
    yield 'secret_key: it must have at least 32 characters';
  }
}

function* listContradictionsOfS3({ s3, gc }: ConfigValues): Generator<string> {
  const { bucket, endpoint, access_key_id, secret_access_key, redirect, redirect_seconds } = s3;
  if (bucket === undefined && (endpoint !== undefined || access_key_id !== undefined)) {
    yield 's3.bucket: the other keys of s3 have no meaning without it; set it';
  }
  if ((access_key_id === undefined) !== (secret_access_key === undefined)) {
    yield 's3: access_key_id and secret_access_key belong together; set both or neither';
  }
  if (redirect && redirect_seconds > gc.hold_seconds) {
    yield 's3.redirect_seconds: it must not be more than gc.hold_seconds: bytes must outlive the URLs that lead to them';
  }
}

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return false;
  return bits === undefined || (Number(bits) > 0 && Number(bits) <= (version === 4 ? 32 : 128));
}
