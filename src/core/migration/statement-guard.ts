import { readReferences, sameName } from '../schema/introspect.ts';
import type { Connection } from '../sqlite/connection.ts';
import type { MigrationOptions } from './migration.ts';
import type { Statement } from './statement.ts';

export interface Refusal {
  readonly reason: string;
  readonly hint: string;
}

/** What a migration file must not do, told before it runs. */
export function refuseStatement(
  statement: Statement,
  options: MigrationOptions,
  connection: Connection,
): Refusal | undefined {
  if (statement.kind === 'transaction') {
    return {
      reason: 'transaction control is not allowed in a migration',
      hint: 'remove it: the file runs in one transaction together with its history row',
    };
  }
  if (options.transaction && (statement.kind === 'vacuum' || statement.kind === 'attach')) {
    const word = statement.kind === 'vacuum' ? 'VACUUM' : 'ATTACH and DETACH';
    return {
      reason: `${word} cannot run inside a transaction`,
      hint: 'put it into a file of its own with: -- migrate:up transaction=false',
    };
  }
  if (options.foreignKeys && statement.kind === 'drop_table' && statement.target !== undefined) {
    const target = statement.target;
    const child = readReferences(connection).find(
      (reference) => sameName(reference.parent, target) && !sameName(reference.child, target),
    );
    if (child !== undefined) {
      return {
        reason: `DROP TABLE ${target} with foreign keys on would delete or change rows of ${child.child}`,
        hint: 'remove foreign-keys=on from the marker: the engine checks the foreign keys itself before COMMIT',
      };
    }
  }
  return undefined;
}
