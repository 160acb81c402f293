import { pathToFileURL } from 'node:url';
import { TradedbError } from '../../error.ts';
import { StatementStream } from '../stream/statement-stream.ts';
import type { ModuleScenario } from './define-scenario.ts';
import type { Scenario } from './scenario.ts';

/** Transactions that are generated twice to see whether a module keeps to its draw. */
const proven = 1000;

export async function loadModuleScenario(path: string): Promise<Scenario> {
  const scenario = moduleScenario(checkShape(await importDefault(path), path));
  const [first, second] = [0, 1].map(() => new StatementStream(scenario, 1).streamHash(proven));
  if (first !== second) {
    throw new TradedbError('scenario_invalid', `${JSON.stringify(path)}: the same transaction drew different values`, {
      hint: 'parameters() must use its draw and k alone, no clock and no Math.random()',
    });
  }
  return scenario;
}

async function importDefault(path: string): Promise<unknown> {
  try {
    return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const message = error instanceof Error ? error.message : String(error);
    throw new TradedbError('scenario_invalid', `${JSON.stringify(path)} could not be loaded: ${message}`, {
      hint:
        code === 'ERR_UNKNOWN_FILE_EXTENSION'
          ? 'this Node does not run TypeScript: compile the module to .mjs'
          : 'it must be a module with a default export; see docs/loadtest.md',
      cause: error,
    });
  }
}

function checkShape(value: unknown, path: string): ModuleScenario {
  const refuse = (why: string): never => {
    throw new TradedbError('scenario_invalid', `${JSON.stringify(path)}: ${why}`, {
      hint: 'export default defineScenario({ name, transactions: { cancel: { parameters, run } } })',
    });
  };
  const scenario = value as Partial<ModuleScenario> | null | undefined;
  if (typeof scenario !== 'object' || scenario === null) return refuse('there is no default export');
  if (typeof scenario.name !== 'string' || scenario.name === '') refuse('it has no name');
  const transactions = Object.entries(scenario.transactions ?? {});
  if (transactions.length === 0) refuse('it has no transactions');
  for (const [name, transaction] of transactions) {
    if (typeof transaction.parameters !== 'function' || typeof transaction.run !== 'function') {
      refuse(`transaction ${name} needs the functions parameters and run`);
    }
    if (!((transaction.weight ?? 1) >= 0)) refuse(`transaction ${name} has a weight that is no number from 0 up`);
    if (transaction.mode !== undefined && transaction.mode !== 'immediate' && transaction.mode !== 'read') {
      refuse(`transaction ${name} has a mode other than immediate and read`);
    }
  }
  if (transactions.every(([, transaction]) => transaction.weight === 0)) refuse('every weight is 0');
  return scenario as ModuleScenario;
}

function moduleScenario(scenario: ModuleScenario): Scenario {
  const transactions = Object.entries(scenario.transactions);
  return {
    name: scenario.name,
    transactions: transactions.map(([name, transaction]) => ({
      name,
      weight: transaction.weight ?? 1,
      // The text of the function stands for its statements in the stream hash.
      statements: [String(transaction.run)],
      ...(transaction.thinkMs === undefined ? {} : { thinkMs: transaction.thinkMs }),
      parameters: (draw, k) => transaction.parameters(draw, k),
    })),
    ...(scenario.setup === undefined ? {} : { setup: (connection) => scenario.setup?.(connection) }),
    ...(scenario.check === undefined ? {} : { check: (connection) => scenario.check?.(connection) ?? [] }),
    open: (connection) => ({
      run: (type, parameters) => {
        const transaction = transactions[type]?.[1];
        const work = (): void => transaction?.run(connection, parameters);
        if (transaction?.mode === 'read') connection.read(work);
        else connection.tx(work);
      },
    }),
  };
}
