import type * as v from 'valibot';
import { configSchema } from './schema.ts';

/** One key of the configuration that holds a value, such as `backup.retention.keepLast`. */
export interface ConfigKey {
  readonly key: string;
  readonly description: string;
  /** Environment variable that overrides it; undefined for lists and objects. */
  readonly variable: string | undefined;
  readonly kind: 'text' | 'number' | 'boolean' | 'structured';
  readonly default: unknown;
}

/** Short names that the command line documents; every other key follows the rule below. */
const shortVariables: Readonly<Record<string, string>> = { 'database.path': 'TRADEDB_DATABASE' };

/** `backup.retention.keepLast` -> `TRADEDB_BACKUP_RETENTION_KEEP_LAST`. */
export function variableOf(key: string): string {
  return (
    shortVariables[key] ??
    `TRADEDB_${key
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll('.', '_')
      .toUpperCase()}`
  );
}

type Schema = v.GenericSchema & {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly wrapped?: Schema;
  readonly default?: unknown;
  readonly pipe?: readonly (Schema & { description?: string })[];
  readonly options?: readonly (Schema | string)[];
};

/** Every key in the order of the schema. */
export function configKeys(): readonly ConfigKey[] {
  const keys: ConfigKey[] = [];
  collect(configSchema as unknown as Schema, '', keys);
  return keys;
}

function collect(schema: Schema, prefix: string, keys: ConfigKey[]): void {
  for (const [name, child] of Object.entries(schema.entries ?? {})) {
    if (name === '$schema') continue;
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const inner = unwrap(child);
    if (inner.entries !== undefined && inner.type === 'strict_object') {
      collect(inner, key, keys);
      continue;
    }
    const kind = kindOf(inner);
    keys.push({
      key,
      description: descriptionOf(child),
      variable: kind === 'structured' ? undefined : variableOf(key),
      kind,
      default: defaultOf(child),
    });
  }
}

function kindOf(schema: Schema): ConfigKey['kind'] {
  if (schema.type === 'number') return 'number';
  if (schema.type === 'boolean') return 'boolean';
  if (schema.type === 'string' || schema.type === 'picklist') return 'text';
  // A choice between a text and `false` (a schedule): the variable gives the text.
  if (schema.type === 'union') return 'text';
  return 'structured';
}

/** The schema below optional() and pipe(). */
function unwrap(schema: Schema): Schema {
  const inner = schema.wrapped ?? schema.pipe?.[0];
  return inner === undefined || inner === schema ? schema : unwrap(inner);
}

function descriptionOf(schema: Schema): string {
  return schema.pipe?.find((part) => part.description !== undefined)?.description ?? '';
}

function defaultOf(schema: Schema): unknown {
  if (schema.wrapped !== undefined) return schema.default;
  const first = schema.pipe?.[0];
  return first === undefined || first === schema ? undefined : defaultOf(first);
}
