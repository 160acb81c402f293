import { throwIfCancelled } from '../error.ts';
import { foldName } from '../schema/normalise.ts';
import type { Connection } from '../sqlite/connection.ts';
import { failureAt, type Place } from './failure.ts';
import type { Section } from './migration.ts';
import { type BrokenObjects, findBroken } from './post-check/broken-objects.ts';
import { listViolations, newViolations, recordViolations, type ViolationRecord } from './post-check/foreign-keys.ts';
import { lostObjects, type ObjectRecord, recordObjects } from './post-check/lost-objects.ts';
import { renameIsRebuild } from './rename-mode.ts';
import type { Done, SectionResult } from './section-result.ts';
import type { Session } from './session.ts';
import { changesObjects, changesRows, type Statement } from './statement.ts';
import { refuseStatement } from './statement-guard.ts';
import { changeTable, type TableChangeResult } from './table-change.ts';

/** What one statement did. */
export interface Effect {
  readonly rowsChanged: number;
  /** How a `migrate:table` was carried out. */
  readonly change?: TableChangeResult;
}

/** What the database looked like before the section, as far as the section can harm it. */
interface Before {
  readonly objects: ObjectRecord | undefined;
  readonly broken: BrokenObjects;
  readonly violations: ViolationRecord | undefined;
  readonly names: ReadonlySet<string>;
}

/**
 * Runs the statements of a section inside the open transaction and checks what they left. Throws an error with the
 * place in the file; the caller rolls back.
 */
export async function executeSection(session: Session, section: Section, file: Place): Promise<SectionResult> {
  const before = record(session.connection, section);
  const { statements, ...done } = await runStatements(session, section, file, before.objects ?? nothingRecorded);
  const oldViolations = check(session.connection, statements, before, file);
  return { statements: statements.length, ...done, oldViolations };
}

/** The statements alone, without the comparison of before and after. */
export async function runStatements(
  session: Session,
  section: Section,
  file: Place,
  objects: ObjectRecord = recordObjects(session.connection),
): Promise<Done> {
  if (section.program !== undefined) {
    // knex is loaded only where a program needs it.
    const { runProgram } = await import('./program-run.ts');
    return runProgram(session, section.program, { file, objects });
  }
  const { connection, context } = session;
  const tables = objects.objects.filter((object) => object.type === 'table');
  const tablesBefore = new Set(tables.map((object) => foldName(object.name)));
  let rowsChanged = 0;
  let strategy: SectionResult['strategy'] = 'sql';
  for (const [index, statement] of section.statements.entries()) {
    throwIfCancelled(context.signal);
    const place = placeOf(file, statement);
    const refusal = refuseStatement(statement, section.options, connection);
    if (refusal !== undefined) throw failureAt(place, refusal.reason, { hint: refusal.hint });
    const rebuild =
      statement.kind === 'rename_table' &&
      renameIsRebuild(statement, section.statements.slice(index + 1), tablesBefore, connection);
    session.onStart?.(place);
    const started = context.clock.now();
    const effect = runStatement(connection, statement, { place, rebuild });
    rowsChanged += effect.rowsChanged;
    if (effect.change !== undefined) strategy = effect.change.strategy === 'rebuild' ? 'rebuild' : 'native';
    session.onStatement?.(statement, { ...effect, durationMs: context.clock.now() - started });
    await session.breather.pause();
  }
  return { statements: section.statements, rowsChanged, strategy };
}

const nothingRecorded: ObjectRecord = { objects: [], sequences: new Map() };

function placeOf(file: Place, statement: Statement): Place {
  // Statements of a program have no line.
  if (statement.line === 0) return { ...file, statement: statement.text };
  return { ...file, line: statement.line, column: statement.column, statement: statement.text };
}

function record(connection: Connection, section: Section): Before {
  if (section.program !== undefined) return recordAll(connection);
  const touchesRows = section.statements.some(changesRows);
  const names = new Set(touchesRows ? section.statements.flatMap((statement) => [...statement.names]) : []);
  const objects = section.statements.some(changesObjects) ? recordObjects(connection) : undefined;
  return {
    objects,
    broken: objects === undefined ? new Map() : findBroken(connection, objects.objects),
    violations: touchesRows ? recordViolations(connection, names) : undefined,
    names,
  };
}

/** What a program will do is not known before. */
function recordAll(connection: Connection): Before {
  const objects = recordObjects(connection);
  const tables = objects.objects.filter((object) => object.type === 'table');
  const names = new Set(tables.map((table) => foldName(table.name)));
  return {
    objects,
    broken: findBroken(connection, objects.objects),
    violations: recordViolations(connection, names),
    names,
  };
}

function runStatement(connection: Connection, statement: Statement, how: { place: Place; rebuild: boolean }): Effect {
  let effect: Effect = { rowsChanged: 0 };
  try {
    if (how.rebuild) connection.exec('PRAGMA legacy_alter_table = ON');
    effect = execute(connection, statement);
  } catch (error) {
    const rolledBack = connection.inTransaction ? '' : ' (SQLite rolled the transaction back by itself)';
    throw failureAt(how.place, `${error instanceof Error ? error.message : String(error)}${rolledBack}`, {
      cause: error,
    });
  } finally {
    if (how.rebuild) connection.exec('PRAGMA legacy_alter_table = OFF');
  }
  if (!connection.inTransaction) {
    throw failureAt(how.place, 'ended the transaction by itself; everything was rolled back', {
      hint: 'remove OR ROLLBACK or RAISE(ROLLBACK) from the statement and from the triggers that it fires',
    });
  }
  return effect;
}

/** PRAGMAs that set something yield rows or none; exec takes both. */
function execute(connection: Connection, statement: Statement): Effect {
  if (statement.directive !== undefined) {
    const change = changeTable(connection, statement.text, statement.directive);
    return { rowsChanged: change.rowsChanged, change };
  }
  if (statement.kind === 'pragma') {
    connection.exec(statement.text);
    return { rowsChanged: 0 };
  }
  const prepared = connection.prepare(statement.text);
  if (!prepared.returnsRows) return { rowsChanged: prepared.run().changes };
  for (const _ of prepared.iterate()) {
    // Rows of a RETURNING clause or of a SELECT with an effect are read to the end and dropped.
  }
  return { rowsChanged: prepared.readOnly ? 0 : Number(connection.value('SELECT changes()')) };
}

function check(
  connection: Connection,
  statements: readonly Statement[],
  before: Before,
  file: Place,
): SectionResult['oldViolations'] {
  const place = (kinds: (statement: Statement) => boolean): Place => {
    const statement = statements.findLast(kinds) ?? statements.at(-1);
    return statement === undefined ? file : placeOf(file, statement);
  };
  let old: SectionResult['oldViolations'] = [];
  if (before.violations !== undefined) {
    const after = recordViolations(connection, before.names);
    old = listViolations(after);
    const rebuilt = new Set(
      statements
        .filter((one) => one.kind === 'drop_table' || one.kind === 'change_table')
        .map((one) => foldName(one.target ?? '')),
    );
    const problem = newViolations(before.violations, after, rebuilt)[0];
    if (problem !== undefined) {
      throw failureAt(
        place((one) => changesRows(one) && mentions(one, problem.child)),
        problem.reason,
        {
          hint: 'delete or correct the rows first; foreign keys are checked before COMMIT',
        },
      );
    }
  }
  if (before.objects === undefined) return old;
  const after = recordObjects(connection);
  const lost = lostObjects(before.objects, after, statements)[0];
  if (lost !== undefined) throw failureAt(place(changesObjects), lost.reason, { hint: lost.hint });
  for (const [object, error] of findBroken(connection, after.objects)) {
    if (before.broken.has(object)) continue;
    throw failureAt(place(changesObjects), `would break ${object}: ${error}`, {
      hint: `drop the ${object.split(' ')[0]} before the change and create it again in its new form`,
    });
  }
  return old;
}

function mentions(statement: Statement, table: string): boolean {
  return statement.names.has(foldName(table));
}
