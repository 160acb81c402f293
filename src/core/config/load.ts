import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { fromFileSystem, TradedbError } from '../error.ts';
import { applyEnvironment } from './environment.ts';
import { type ConfigKey, configKeys } from './key.ts';
import { type Config, configSchema } from './schema.ts';

export const configFileName = 'tradedb.config.json';

export type ConfigSource = 'environment' | 'file' | 'default';

export interface LoadedConfig {
  readonly config: Config;
  /** Absolute path of the file, when there is one. */
  readonly path: string | undefined;
  /** The file and the environment, before defaults. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Where the value of a key (`backup.codec`) comes from. */
  source(key: string): ConfigSource;
}

/** The nearest tradedb.config.json from `folder` upward. */
export function findConfigFile(folder: string): string | undefined {
  for (let current = resolve(folder); ; current = dirname(current)) {
    const candidate = join(current, configFileName);
    if (existsSync(candidate)) return candidate;
    if (dirname(current) === current) return undefined;
  }
}

/**
 * Reads the configuration: defaults, the file, then the environment. Throws `config_not_found` for a named file that is
 * not there and `config_invalid` with every problem at once.
 */
export function loadConfig(options: {
  path: string | undefined;
  folder: string;
  environment: (name: string) => string | undefined;
}): LoadedConfig {
  const path = options.path ?? findConfigFile(options.folder);
  const fromFile = path === undefined ? {} : readConfigFile(path);
  const keys = configKeys();
  const fromEnvironment = new Set<string>();
  const given = applyEnvironment(fromFile, keys, options.environment, fromEnvironment);
  const result = v.safeParse(configSchema, given);
  if (!result.success) throw invalidConfig(result.issues, path, fromEnvironment, keys);
  return {
    config: result.output,
    path,
    given,
    source: (key) => {
      if (fromEnvironment.has(key)) return 'environment';
      return isGiven(fromFile, key.split('.')) ? 'file' : 'default';
    },
  };
}

function readConfigFile(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const translated = fromFileSystem(error, path);
    if (translated instanceof TradedbError && translated.code === 'file_not_found') {
      throw new TradedbError('config_not_found', `configuration ${JSON.stringify(path)} does not exist`, {
        hint: 'check --config, or write one with: tradedb init',
        cause: error,
      });
    }
    throw translated;
  }
  try {
    const parsed: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (error) {
    throw new TradedbError(
      'config_invalid',
      `configuration ${JSON.stringify(path)} is not valid JSON: ${(error as Error).message}`,
      {
        hint: 'comments and trailing commas are not allowed in JSON',
        cause: error,
      },
    );
  }
  throw new TradedbError('config_invalid', `configuration ${JSON.stringify(path)} must be a JSON object`);
}

function isGiven(value: unknown, key: readonly string[]): boolean {
  let current = value;
  for (const part of key) {
    if (typeof current !== 'object' || current === null || !(part in current)) return false;
    current = (current as Record<string, unknown>)[part];
  }
  return true;
}

function invalidConfig(
  issues: readonly v.BaseIssue<unknown>[],
  path: string | undefined,
  fromEnvironment: ReadonlySet<string>,
  keys: readonly ConfigKey[],
): TradedbError {
  const problems = issues.map((issue) => {
    const key = v.getDotPath(issue) ?? '(the whole file)';
    const variable = fromEnvironment.has(key) ? keys.find((known) => known.key === key)?.variable : undefined;
    if (issue.type === 'strict_object' && issue.expected === 'never') {
      return `${key}: unknown key${suggestKey(key, keys)}`;
    }
    const received = issue.received === 'undefined' ? '' : `, found ${issue.received}`;
    return `${variable ?? key}: ${issue.message}${received}`;
  });
  const where = path === undefined ? 'the environment' : JSON.stringify(path);
  return new TradedbError('config_invalid', `configuration in ${where} is not valid: ${problems.join('; ')}`, {
    hint: 'tradedb config show prints every key with its value; tradedb config schema prints the schema for editors',
    details: { problems },
  });
}

function suggestKey(key: string, keys: readonly ConfigKey[]): string {
  const parent = key.includes('.') ? key.slice(0, key.lastIndexOf('.') + 1) : '';
  const siblings = new Set(
    keys
      .filter((known) => known.key.startsWith(parent))
      .map((known) => known.key.slice(parent.length).split('.')[0] ?? ''),
  );
  siblings.delete('');
  return siblings.size === 0 ? '' : `; known here: ${[...siblings].join(', ')}`;
}
