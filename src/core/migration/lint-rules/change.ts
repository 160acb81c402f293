import { foldName } from '../../schema/normalise.ts';
import { hitAt, type LintHit, type LintRule } from '../lint-rule.ts';
import type { Statement } from '../statement.ts';

/** The part of a hand-written rebuild: new table, copy, old one dropped, new one takes its name. */
export interface HandRebuild {
  readonly table: string;
  readonly create: Statement;
  readonly drop: Statement;
  readonly rename: Statement;
}

/** Rebuilds that the statements spell out by hand. */
export function handRebuilds(statements: readonly Statement[]): HandRebuild[] {
  return statements.flatMap((rename, index) => {
    if (rename.kind !== 'rename_table') return [];
    const earlier = statements.slice(0, index);
    const create = earlier.find((one) => one.kind === 'create_table' && same(one.target, rename.target));
    const drop = earlier.find((one) => one.kind === 'drop_table' && same(one.target, rename.renameTo));
    return create === undefined || drop === undefined ? [] : [{ table: rename.renameTo ?? '', create, drop, rename }];
  });
}

export function same(left: string | undefined, right: string | undefined): boolean {
  return left !== undefined && right !== undefined && foldName(left) === foldName(right);
}

function created(statements: readonly Statement[], name: string | undefined): boolean {
  return statements.some((one) => one.kind === 'create_table' && same(one.target, name));
}

/** Renames of old tables out of the way, with a new table of the old name behind them. */
function movedAway(statements: readonly Statement[]): Statement[] {
  return statements.filter(
    (one, index) =>
      one.kind === 'rename_table' &&
      statements
        .slice(index)
        .some(
          (later) =>
            (later.kind === 'create_table' && same(later.target, one.target)) ||
            (later.kind === 'rename_table' && same(later.renameTo, one.target)),
        ),
  );
}

const each = (
  statements: readonly Statement[],
  wanted: (one: Statement) => boolean,
  message: (one: Statement) => string,
  hint: string,
): LintHit[] => statements.filter(wanted).map((one) => hitAt(one, message(one), hint));

/** Rules about what happens to tables; the text is enough for them. */
export const changeRules: readonly LintRule[] = [
  {
    code: 'M001',
    level: 'warning',
    summary: 'drop table',
    check: ({ statements }) => {
      const rebuilt = handRebuilds(statements).map((one) => one.drop);
      const moved = movedAway(statements).map((one) => one.renameTo);
      return each(
        statements,
        (one) =>
          one.kind === 'drop_table' &&
          !rebuilt.includes(one) &&
          !created(statements, one.target) &&
          !moved.some((name) => same(name, one.target)),
        (one) => `drops table ${one.target} with its rows`,
        'make sure that nothing reads it any more and that a backup exists',
      );
    },
  },
  {
    code: 'M002',
    level: 'warning',
    summary: 'drop column',
    check: ({ statements }) =>
      each(
        statements,
        (one) => one.kind === 'drop_column',
        (one) => `drops a column of ${one.target} with its values`,
        'deploy the code that no longer uses it first',
      ),
  },
  {
    code: 'M003',
    level: 'warning',
    summary: 'rename without a view for the old name',
    check: ({ statements }) => {
      const other = [...handRebuilds(statements).map((one) => one.rename), ...movedAway(statements)];
      const viewed = (name: string | undefined): boolean =>
        statements.some((one) => one.kind === 'create_view' && same(one.target, name));
      return each(
        statements,
        (one) =>
          one.kind === 'rename_table' &&
          !other.includes(one) &&
          !created(statements, one.target) &&
          !viewed(one.target),
        (one) => `renames ${one.target} to ${one.renameTo}: programs that use the old name stop`,
        'create a view with the old name until they are gone',
      );
    },
  },
  {
    code: 'M005',
    level: 'error',
    summary: 'rebuild with foreign keys on',
    check: ({ statements, migration }) =>
      migration.up.options.foreignKeys
        ? handRebuilds(statements).map(({ drop, table }) =>
            hitAt(
              drop,
              `rebuilds ${table} with foreign keys on: rows of its children are deleted or changed`,
              'remove foreign-keys=on from the marker',
            ),
          )
        : [],
  },
  {
    code: 'M007',
    level: 'warning',
    summary: 'old table renamed away first',
    check: ({ statements }) =>
      movedAway(statements).map((one) =>
        hitAt(
          one,
          `moves ${one.target} away before the new table exists: other tools let foreign keys and views follow the old one`,
          'create the new table first, then drop the old one and rename, or use migrate:table',
        ),
      ),
  },
  {
    code: 'M022',
    level: 'warning',
    summary: 'data and schema changed in one file',
    check: ({ statements }) => {
      const copies = handRebuilds(statements).map((one) => one.create.target);
      const foreign = statements.find(
        (one) =>
          ['insert', 'update', 'delete'].includes(one.kind) &&
          !created(statements, one.target) &&
          !copies.some((name) => same(name, one.target)) &&
          !one.names.has('sqlite_sequence'),
      );
      const schema = statements.some((one) => /^(create|alter|drop|rename|change)_/.test(one.kind));
      return foreign !== undefined && schema
        ? [
            hitAt(
              foreign,
              'changes rows and the schema in one file: the write lock is held for both',
              'put the rows into a file of their own',
            ),
          ]
        : [];
    },
  },
];
