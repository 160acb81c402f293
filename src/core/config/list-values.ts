import { configKeys } from './key.ts';
import type { ConfigSource, LoadedConfig } from './load.ts';

/** Every key with its value as an operator would write it, and where it comes from. */
export function listValues(
  loaded: LoadedConfig,
): { key: string; value: unknown; source: ConfigSource; variable: string | null; description: string }[] {
  return configKeys().map(({ key, variable, description, default: fallback }) => ({
    key,
    value: lookUp(loaded.given, key.split('.')) ?? fallback ?? null,
    source: loaded.source(key),
    variable: variable ?? null,
    description,
  }));
}

function lookUp(value: unknown, key: readonly string[]): unknown {
  let current = value;
  for (const part of key) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[part];
  }
  return current;
}
