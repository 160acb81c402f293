import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { Draw } from '../stream/draw.ts';
import { drawKey } from '../stream/key-distribution.ts';
import type { Parameters, Scenario, ScenarioSession, SessionSettings } from './scenario.ts';
import type { SqlScenarioSpec, SqlTransactionSpec, ValueSpec } from './sql-spec.ts';
import { runTimed } from './statement-timing.ts';

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';

function drawValue(spec: ValueSpec, draw: Draw, k: number): SqlValue {
  switch (spec.kind) {
    case 'constant':
      return spec.value;
    case 'sequence':
      return k + spec.offset;
    case 'real':
      return spec.low + draw.uniform() * (spec.high - spec.low);
    case 'pick':
      return spec.values[draw.integer(spec.values.length)] ?? null;
    case 'text': {
      let text = '';
      for (let index = 0; index < spec.length; index++) text += letters[draw.integer(letters.length)];
      return text;
    }
    default:
      return drawKey(spec, draw);
  }
}

/** Makes a parsed scenario file runnable. Whole numbers are bound as integers, so that STRICT tables take them. */
export function sqlScenario(spec: SqlScenarioSpec): Scenario {
  return {
    name: spec.name,
    transactions: spec.transactions.map((transaction) => ({
      name: transaction.name,
      weight: transaction.weight,
      statements: transaction.statements.map((statement) => statement.sql),
      ...(transaction.thinkMs === undefined ? {} : { thinkMs: transaction.thinkMs }),
      parameters: (draw, k) => {
        const values: Record<string, SqlValue> = {};
        for (const { name, value } of transaction.variables) values[name] = integral(drawValue(value, draw, k), value);
        return values;
      },
    })),
    ...(spec.setup.length === 0 ? {} : { setup: (connection: Connection) => runAll(connection, spec.setup) }),
    open: (connection, settings) => new SqlSession(connection, spec, settings),
  };
}

function runAll(connection: Connection, statements: readonly string[]): void {
  connection.tx(() => {
    for (const sql of statements) connection.exec(sql);
  });
}

/** better-sqlite3 binds every JavaScript number as REAL; a BigInt is the way to bind an INTEGER. */
function integral(value: SqlValue, spec: ValueSpec): SqlValue {
  return typeof value === 'number' && spec.kind !== 'real' && Number.isSafeInteger(value) ? BigInt(value) : value;
}

class SqlSession implements ScenarioSession {
  readonly #connection: Connection;
  readonly #spec: SqlScenarioSpec;
  readonly #settings: SessionSettings;

  constructor(connection: Connection, spec: SqlScenarioSpec, settings: SessionSettings) {
    this.#connection = connection;
    this.#spec = spec;
    this.#settings = settings;
    for (const transaction of spec.transactions) this.#prepare(transaction);
  }

  /** Tells a wrong table or column now, and not as a failed transaction later. */
  #prepare({ name, statements }: SqlTransactionSpec): void {
    for (const { sql } of statements) {
      try {
        this.#connection.statement(sql);
      } catch (error) {
        if (!(error instanceof TradedbError) || error.code !== 'sql_error') throw error;
        throw new TradedbError('scenario_invalid', `transaction ${name}: ${error.message}`, {
          hint: `the statement does not fit this database: ${sql.replace(/\s+/g, ' ').slice(0, 100)}`,
          cause: error,
        });
      }
    }
  }

  run(type: number, parameters: Parameters): void {
    const transaction = this.#spec.transactions[type] as SqlTransactionSpec;
    const body = (): void => this.#statements(type, transaction, parameters);
    if (transaction.mode === 'immediate') this.#connection.tx(body);
    else if (transaction.mode === 'read') this.#connection.read(body);
    else body();
  }

  #statements(type: number, transaction: SqlTransactionSpec, parameters: Parameters): void {
    const connection = this.#connection;
    let values = parameters;
    for (const [index, { sql, captures }] of transaction.statements.entries()) {
      const row = runTimed(this.#settings, connection, { type, statement: index }, () => {
        const statement = connection.statement(sql);
        if (!statement.returnsRows) return void statement.run(values);
        return captures.length > 0 ? statement.get(values) : void statement.all(values);
      });
      if (captures.length === 0) continue;
      const captured: Record<string, SqlValue> = {};
      for (const { variable, column } of captures) captured[variable] = row?.[column] ?? null;
      values = { ...values, ...captured };
    }
  }
}
