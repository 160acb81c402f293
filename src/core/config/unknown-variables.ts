import type { ConfigKey } from './key.ts';

/** Variables of the command line itself, beside those of the configuration keys. */
const commandLineVariables = ['TRADEDB_CONFIG', 'TRADEDB_FORMAT', 'TRADEDB_WORKLOAD'];

/** The TRADEDB_ variables among `names` that nothing reads: most likely slips of the fingers. */
export function unknownVariables(names: readonly string[], keys: readonly ConfigKey[]): readonly string[] {
  const known = new Set([...commandLineVariables, ...keys.flatMap((key) => key.variable ?? [])]);
  return names.filter((name) => name.startsWith('TRADEDB_') && !known.has(name)).sort();
}
