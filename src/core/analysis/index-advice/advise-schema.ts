import type { OperationContext } from '../../context.ts';
import { openReadOnly } from '../../sqlite/connection.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { readIndexes } from '../candidates/index-definition.ts';
import type { AdviceData } from './advice-data.ts';
import { dropSql } from './drops.ts';
import { draftMigration, type Recommendation } from './recommendation.ts';
import { overlappingIndexes, unindexedForeignKeys } from './schema-advice.ts';

/** What the schema alone tells: indexes that are there twice, and foreign keys without one. Needs no workload. */
export function adviseFromSchema(
  request: { readonly path: string; readonly busyTimeoutMs: number; readonly pinned: readonly string[] },
  context: OperationContext,
): AdviceData {
  const connection = openReadOnly(request.path, { ...context, busyTimeoutMs: request.busyTimeoutMs });
  try {
    return connection.read(() => {
      const indexes = readIndexes(connection);
      const overlapping = overlappingIndexes(indexes);
      const size = (name: string): number =>
        Number(connection.value('SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = TRUE', [name]) ?? 0);
      // Two indexes with the same entries serve the same statements: no measurement can tell them apart.
      const recommendations = overlapping
        .filter(({ index, kind }) => kind === 'duplicate' && !request.pinned.includes(index.name))
        .map(
          ({ index, servedBy }): Recommendation => ({
            action: 'drop',
            name: index.name,
            table: index.table,
            ...dropSql(index),
            reason: `the same as ${servedBy.name}`,
            queries: [],
            readGain: null,
            writeChange: null,
            bytes: size(index.name),
            buildMs: null,
            withoutStat4: null,
          }),
        );
      const draft = draftMigration(recommendations, quoteIdentifier);
      return {
        path: request.path,
        workload: null,
        recommendations,
        rejected: [],
        frontier: [],
        before: null,
        after: null,
        confirmation: [],
        withoutStat4: null,
        unused: [],
        overlapping: overlapping.map(({ index, servedBy, kind }) => ({
          name: index.name,
          table: index.table,
          servedBy: servedBy.name,
          kind,
        })),
        foreignKeys: unindexedForeignKeys(connection, indexes),
        strict: [],
        estimated: [],
        left: [],
        skipped: [],
        migration: draft === null ? null : { ...draft, path: null },
        complete: true,
        measured: false,
        parity: null,
      };
    });
  } finally {
    connection.close();
  }
}
