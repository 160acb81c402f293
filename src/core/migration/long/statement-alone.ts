import { executeSection } from '../execute-file.ts';
import { failureAt, type Place } from '../failure.ts';
import { whenFree } from '../session.ts';
import type { Statement } from '../statement.ts';
import { refuseStatement } from '../statement-guard.ts';
import { advanced, type LongRun } from './long-run.ts';

const outside = ['vacuum', 'attach', 'pragma'];

/**
 * Runs one statement of a file without a transaction: in one of its own together with the progress where SQLite allows
 * it. The others can be repeated: after a kill between the two it runs once more.
 */
export async function runStatementAlone(run: LongRun, index: number): Promise<void> {
  const { session, step, open } = run;
  const statement = step.section.statements[index] as Statement;
  const place = placeOf(step.place, statement);
  if (!outside.includes(statement.kind)) {
    await open.transaction(async () => {
      const done = await executeSection(session, { ...step.section, statements: [statement] }, step.place);
      return advanced(run, done.rowsChanged);
    });
    return;
  }
  const refusal = refuseStatement(statement, step.section.options, session.connection);
  if (refusal !== undefined) throw failureAt(place, refusal.reason, { hint: refusal.hint });
  session.onStart?.(place);
  const started = session.context.clock.now();
  try {
    if (mayRun(run, statement)) await whenFree(session, () => session.connection.exec(statement.text), waitHint);
  } catch (error) {
    throw failureAt(place, error instanceof Error ? error.message : String(error), { cause: error });
  }
  session.onStatement?.(statement, { rowsChanged: 0, durationMs: session.context.clock.now() - started });
  await open.transaction(() => advanced(run, 0));
}

const waitHint = 'wait longer with --lock-timeout, or stop the writer';

/** On a private copy nothing may be written beside it. */
function mayRun({ session }: LongRun, { kind, names }: Statement): boolean {
  if (session.rehearse !== true) return true;
  return !(kind === 'vacuum' && names.has('into'));
}

function placeOf(file: Place, statement: Statement): Place {
  return { ...file, line: statement.line, column: statement.column, statement: statement.text };
}
