import type { ConfigKey } from './key.ts';

/** Variables of the command line itself, beside those of the configuration keys. */
const commandLineVariables = [
  'TRADEDB_CONFIG',
  'TRADEDB_FORMAT',
  'TRADEDB_WORKLOAD',
  'TRADEDB_REPOSITORY',
  'TRADEDB_S3_ACCESS_KEY_ID',
  'TRADEDB_S3_SECRET_ACCESS_KEY',
  'TRADEDB_SFTP_PASSPHRASE',
  'TRADEDB_BACKUP_IDENTITY',
  'TRADEDB_BACKUP_PASSPHRASE',
];

/** The TRADEDB_ variables among `names` that nothing reads: most likely slips of the fingers. */
export function unknownVariables(names: readonly string[], keys: readonly ConfigKey[]): readonly string[] {
  const known = new Set([...commandLineVariables, ...keys.flatMap((key) => key.variable ?? [])]);
  return names.filter((name) => name.startsWith('TRADEDB_') && !known.has(name)).sort();
}
