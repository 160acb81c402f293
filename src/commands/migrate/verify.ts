import type { VerifyResult } from '../../core/migration/verify-applied.ts';
import { defineCommand } from '../definition.ts';
import { folderOptions, migrationSource, openForReading } from './settings.ts';

export interface MigrateVerifyData extends VerifyResult {
  readonly database: string;
}

export const definition = defineCommand({
  path: ['migrate', 'verify'],
  summary: 'check applied files against their checksums and run their verify sections',
  description:
    'Reads the database in one snapshot and writes nothing. A verify statement looks for counter-examples: every row it finds is a failure.',
  arguments: [{ name: 'versions', summary: 'only these versions', variadic: true }],
  options: { ...folderOptions, checksumsOnly: { type: 'flag', summary: 'leave the verify sections out' } },
  examples: [
    { command: 'migrate verify -d trading.db', does: 'everything that is applied' },
    { command: 'migrate verify 20260301093000 -d trading.db', does: 'one version' },
    { command: 'migrate verify -d trading.db -f junit -o verify.xml', does: 'for a build server' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'everything holds',
    10: 'database or folder not found',
    11: 'database locked',
    12: 'a verification found rows, or the file is no database',
    14: 'an applied file was edited or is missing',
  },
  formats: ['junit', 'markdown'],
  async run({ options, arguments: versions }, context) {
    const { verifyApplied } = await import('../../core/migration/verify-applied.ts');
    const { conflictFinding } = await import('../../core/migration/conflict.ts');
    const { source, table } = await migrationSource(options, context);
    const database = context.databasePath();
    const connection = await openForReading(database, context);
    try {
      const result = verifyApplied(connection, source, { table, versions, checksumsOnly: options.checksumsOnly });
      const broken = result.checks.filter((check) => !check.passed);
      const findings = [
        ...result.conflicts.map(conflictFinding),
        ...broken.map((check) => ({
          id: 'migration.verification',
          severity: 'critical' as const,
          subject: `${check.file}:${check.line}`,
          message:
            check.error ??
            `found ${check.rowCount}${check.rowCount >= 1000 ? ' or more' : ''} ${check.rowCount === 1 ? 'row' : 'rows'} that must not exist: ${JSON.stringify(check.sampleRows[0])}`,
          values: { file: check.file, line: check.line, rows: check.rowCount },
        })),
      ];
      return context.report<MigrateVerifyData>({ database, ...result }, { findings, checks: checksOf(result) });
    } finally {
      connection.close();
    }
  },
  exitCode: ({ data }) => {
    if (data.conflicts.length > 0) return 14;
    return data.checks.some((check) => !check.passed) ? 12 : 0;
  },
});

function checksOf(result: VerifyResult) {
  return [
    ...result.checksums.map(({ version, file, matches }) => ({
      id: `checksum.${version}`,
      group: 'checksums',
      status: matches ? ('ok' as const) : ('critical' as const),
      message: matches ? `${file} is as it was applied` : `${file} was edited`,
      durationMs: 0,
    })),
    ...result.checks.map(({ version, file, line, passed, rowCount, error }) => ({
      id: `verify.${version}.${line}`,
      group: 'verifications',
      status: passed ? ('ok' as const) : ('critical' as const),
      message: error ?? `${file}:${line} found ${rowCount} rows`,
      durationMs: 0,
    })),
  ];
}
