import type { ConfigKey } from './key.ts';

/** A copy of `given` in which set environment variables replace the values of their keys; names them in `taken`. */
export function applyEnvironment(
  given: Readonly<Record<string, unknown>>,
  keys: readonly ConfigKey[],
  environment: (name: string) => string | undefined,
  taken: Set<string>,
): Record<string, unknown> {
  const result = structuredClone(given) as Record<string, unknown>;
  for (const { key, variable, kind } of keys) {
    const text = variable === undefined ? undefined : environment(variable);
    // An empty variable counts as not set, so that a unit file can switch one off.
    if (text === undefined || text === '') continue;
    taken.add(key);
    assign(result, key.split('.'), typedValue(text, kind));
  }
  return result;
}

/** A text that is no number or boolean stays a text, so that validation reports it with its variable. */
function typedValue(text: string, kind: ConfigKey['kind']): unknown {
  if (kind === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  if (text === 'true' && kind === 'boolean') return true;
  // A schedule is a text or false, so "false" is never meant as a text.
  return text === 'false' ? false : text;
}

function assign(target: Record<string, unknown>, key: readonly string[], value: unknown): void {
  let current = target;
  for (const part of key.slice(0, -1)) {
    const next = current[part];
    if (typeof next !== 'object' || next === null || Array.isArray(next)) current[part] = {};
    current = current[part] as Record<string, unknown>;
  }
  current[key.at(-1) ?? ''] = value;
}
