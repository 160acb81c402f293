import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { parsePythonParameters } from './python-literal.ts';
import type { WorkloadBuilder } from './workload-builder.ts';

/** What stands before each message, whatever the format of the log: the name of SQLAlchemy's logger. */
const marker = /(?:^|\s)sqlalchemy\.engine(?:\.base)?\.Engine[^\s]*\s(.*)$/;

/** A message that is no statement. */
const control = /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|PRAGMA)\b/i;

/** `[generated in 0.1s] (1, 2)`, `[cached since 2s ago] [(1,), (2,)]`, `[raw sql] ()`; before 1.4 the values alone. */
const parameters = /^(?:\[[^\]]*\] )?([([{][\s\S]*)$/;

/** Adds the statements of a log that SQLAlchemy wrote with `echo=True`: a statement, then its values. */
export async function readSqlalchemyLog(path: string, builder: WorkloadBuilder): Promise<void> {
  const reader = new LogReader(builder);
  try {
    const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
    for await (const line of lines) reader.line(line);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  reader.end();
  if (reader.messages === 0) {
    throw new TradedbError('usage', `${JSON.stringify(path)} is no log of SQLAlchemy`, {
      hint: 'create_engine(..., echo=True) writes one; a capture file tells more: tradedb analyze queries --snippet sqlalchemy',
    });
  }
}

class LogReader {
  readonly #builder: WorkloadBuilder;
  #message: string | undefined;
  #statement: string | undefined;
  messages = 0;

  constructor(builder: WorkloadBuilder) {
    this.#builder = builder;
  }

  line(text: string): void {
    const message = marker.exec(text)?.[1];
    if (message !== undefined) {
      this.#finish();
      this.messages += 1;
      this.#message = message;
    } else if (this.#message !== undefined) {
      // Statements go over several lines. A line of another logger ends them: it begins with a date or a level.
      if (/^(\d{4}-\d\d-\d\d[ T]|(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b)/.test(text)) this.#finish();
      else this.#message += `\n${text}`;
    }
  }

  end(): void {
    this.#finish();
    if (this.#statement !== undefined) this.#builder.skip('statement without its values at the end of a log');
  }

  #finish(): void {
    const message = this.#message;
    this.#message = undefined;
    if (message === undefined || control.test(message)) return;
    if (this.#statement === undefined) {
      // Values of a statement that the beginning of the log does not have.
      if (!parameters.test(message)) this.#statement = message;
      return;
    }
    const sql = this.#statement;
    const values = parameters.exec(message)?.[1];
    this.#statement = values === undefined ? message : undefined;
    if (values === undefined) this.#builder.skip('statement without its values');
    else this.#execution(sql, values);
  }

  #execution(sql: string, text: string): void {
    try {
      const sets = parsePythonParameters(text);
      // Of many sets SQLAlchemy shows some; each row was one execution.
      for (const values of sets) this.#builder.add({ sql, weight: 1, sets: [{ values, executions: 1 }] });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#builder.skip('values that SQLAlchemy cut off or that are no plain values');
    }
  }
}
