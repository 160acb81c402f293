import { foldName } from '../../schema/normalise.ts';
import { nameOf, tokenize } from '../../schema/sql-lexer.ts';
import { hitAt, type LintHit, type LintRule, type LintTarget } from '../lint-rule.ts';
import { lostObjects } from '../post-check/lost-objects.ts';
import { handRebuilds, same } from './change.ts';

/** Rules that need to know what the file does to a schema. */
export const shadowRules: readonly LintRule[] = [
  {
    code: 'M004',
    level: 'warning',
    summary: 'rebuild where ALTER TABLE is enough',
    check: ({ statements, step }) =>
      handRebuilds(statements).flatMap(({ table, create, rename }) => {
        const way = step?.before.nativeWay(table, create.text);
        if (way?.possible !== true || way.statements.length === 0) return [];
        return [
          hitAt(
            create,
            `rebuilds ${rename.renameTo}, which ALTER TABLE can change in place`,
            `${way.statements.join('; ')};`,
          ),
        ];
      }),
  },
  {
    code: 'M006',
    level: 'error',
    summary: 'rebuild forgets an index, a trigger or a view',
    check: (target) => [
      ...forgotten(target),
      ...brokenObjects(target, (error) => !error.includes('waits for updates of')),
    ],
  },
  {
    code: 'M010',
    level: 'warning',
    summary: 'CREATE INDEX on a large table',
    check: ({ statements, rowsOf, largeTableRows }) =>
      statements.flatMap((one) => {
        if (one.kind !== 'create_index' || one.table === undefined) return [];
        const rows = rowsOf(one.table);
        // About 1.5 million rows a second were measured on small machines.
        return rows < largeTableRows
          ? []
          : [
              hitAt(
                one,
                `builds an index over ${rows} rows of ${one.table}: writers wait about ${Math.max(1, Math.round(rows / 1500))} ms`,
                'run it while the engine is quiet',
              ),
            ];
      }),
  },
  {
    code: 'M017',
    level: 'error',
    summary: 'trigger waits for a column that is gone',
    check: (target) => brokenObjects(target, (error) => error.includes('waits for updates of')),
  },
  {
    code: 'M019',
    level: 'warning',
    summary: 'AUTOINCREMENT counter lost',
    check: ({ statements, step }) =>
      handRebuilds(statements).flatMap(({ table, rename }) => {
        const counted = (name: string): boolean =>
          step?.before.objects.some((one) => same(one.name, name) && /\bautoincrement\b/i.test(one.sql)) === true;
        if (!counted(table) || statements.some((one) => one.names.has('sqlite_sequence'))) return [];
        return [
          hitAt(
            rename,
            `the counter of ${table} starts again at its largest row: ids may be given twice`,
            'carry the row of sqlite_sequence over, or use migrate:table',
          ),
        ];
      }),
  },
  {
    code: 'M020',
    level: 'info',
    summary: 'foreign key without an index',
    check: ({ statements, step }) =>
      [...(step?.after.foreignKeys ?? [])].flatMap(([table, keys]) => {
        const made = statements.findLast(
          (one) =>
            ['create_table', 'alter_table', 'change_table'].includes(one.kind) && foldName(one.target ?? '') === table,
        );
        if (made === undefined) return [];
        const indexed = step?.after.indexed.get(table) ?? [];
        return keys
          .filter(
            (key) =>
              !indexed.some((columns) =>
                key.columns.every((name) => columns.slice(0, key.columns.length).includes(foldName(name))),
              ),
          )
          .map((key) =>
            hitAt(
              made,
              `the foreign key of ${table}(${key.columns.join(', ')}) has no index: deletes from ${key.parent} read the whole table`,
              `CREATE INDEX ON ${table}(${key.columns.join(', ')})`,
            ),
          );
      }),
  },
  {
    code: 'M024',
    level: 'error',
    summary: 'rename of the content table of a full-text index',
    check: ({ statements, step }) => {
      const contents = (step?.before.objects ?? []).flatMap((object) => contentTable(object.sql) ?? []);
      const rebuilds = handRebuilds(statements).map((one) => one.rename);
      return statements
        .filter(
          (one) =>
            one.kind === 'rename_table' && !rebuilds.includes(one) && contents.some((name) => same(name, one.target)),
        )
        .map((one) =>
          hitAt(
            one,
            `a full-text index reads its rows from ${one.target}`,
            'drop the index before and create it again with the new name',
          ),
        );
    },
  },
];

function forgotten({ statements, step }: LintTarget): LintHit[] {
  if (step === undefined) return [];
  const record = (objects: typeof step.before.objects) => ({ objects, sequences: new Map<string, number>() });
  return lostObjects(record(step.before.objects), record(step.after.objects), statements).map((lost) =>
    hitAt(statements.at(-1), lost.reason, lost.hint),
  );
}

function brokenObjects({ statements, step }: LintTarget, wanted: (error: string) => boolean): LintHit[] {
  return [...(step?.after.broken ?? [])]
    .filter(([object, error]) => step?.before.broken.has(object) !== true && wanted(error))
    .map(([object, error]) =>
      hitAt(
        statements.at(-1),
        `breaks ${object}: ${error}`,
        'drop it before the change and create it again in its new form',
      ),
    );
}

/** `content='t'` of an fts5 table. */
function contentTable(sql: string): string | undefined {
  if (!/^create\s+virtual\s+table[\s\S]*\busing\s+fts5\b/i.test(sql)) return undefined;
  const tokens = tokenize(sql).filter((token) => token.kind !== 'space');
  const at = tokens.findIndex(
    (token, index) => token.text.toLowerCase() === 'content' && tokens[index + 1]?.text === '=',
  );
  const value = tokens[at + 2];
  return at < 0 || value === undefined ? undefined : nameOf(value);
}
