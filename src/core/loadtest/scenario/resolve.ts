import { TradedbError } from '../../error.ts';
import type { Parameters, Scenario, ScenarioSession, SessionSettings } from './scenario.ts';
import { sqlScenario } from './sql-scenario.ts';
import type { SqlScenarioSpec } from './sql-spec.ts';

/** A scenario as plain data, which every child process turns into the same running scenario. */
export type ScenarioReference =
  | { readonly kind: 'builtin'; readonly name: string; readonly weight: number }
  | { readonly kind: 'sql'; readonly spec: SqlScenarioSpec; readonly weight: number }
  | { readonly kind: 'module'; readonly name: string; readonly path: string; readonly weight: number };

const mixNames: readonly string[] = ['oms', 'mm', 'tpce'];
const orderEntryNames: readonly string[] = ['order-entry', 'order-read', 'positions', 'mixed'];

export const builtinNames: readonly string[] = [...mixNames, ...orderEntryNames];

export function usesTradingSchema(reference: ScenarioReference): boolean {
  return reference.kind === 'builtin' && mixNames.includes(reference.name);
}

export function isBuiltin(name: string): boolean {
  return builtinNames.includes(name);
}

export async function resolveScenarios(references: readonly ScenarioReference[]): Promise<Scenario> {
  const scenarios = await Promise.all(references.map(resolveOne));
  const [first] = scenarios;
  if (first === undefined) throw new TradedbError('usage', 'a load test needs a scenario');
  if (scenarios.length === 1) return first;
  return combine(
    scenarios,
    references.map((reference) => reference.weight),
  );
}

async function resolveOne(reference: ScenarioReference): Promise<Scenario> {
  if (reference.kind === 'sql') return sqlScenario(reference.spec);
  if (reference.kind === 'module') return (await import('./module.ts')).loadModuleScenario(reference.path);
  // The mixes bring the whole order store with them.
  const known = mixNames.includes(reference.name)
    ? (await import('./trading-mix.ts')).tradingScenarios
    : (await import('./order-entry.ts')).orderEntryScenarios;
  const found = known.find((scenario) => scenario.name === reference.name);
  if (found !== undefined) return found;
  throw new TradedbError('usage', `there is no scenario ${JSON.stringify(reference.name)}`, {
    hint: `built in are ${builtinNames.join(', ')}; a file of your own is given by its path`,
  });
}

/** Several scenarios as one: each keeps its share, whatever the sum of its own weights is. */
function combine(scenarios: readonly Scenario[], shares: readonly number[]): Scenario {
  const parts = scenarios.flatMap((scenario, source) => {
    const total = scenario.transactions.reduce((sum, transaction) => sum + transaction.weight, 0);
    return scenario.transactions.map((transaction, type) => ({
      source,
      type,
      transaction: { ...transaction, weight: (transaction.weight / total) * (shares[source] ?? 1) },
    }));
  });
  const isTwice = (name: string): boolean => parts.filter((part) => part.transaction.name === name).length > 1;
  const checks = scenarios.flatMap((scenario) => (scenario.check === undefined ? [] : [scenario.check]));
  const setups = scenarios.flatMap((scenario) => (scenario.setup === undefined ? [] : [scenario.setup]));
  return {
    name: scenarios.map((scenario) => scenario.name).join('+'),
    transactions: parts.map(({ source, transaction }) => ({
      ...transaction,
      name: isTwice(transaction.name) ? `${scenarios[source]?.name}/${transaction.name}` : transaction.name,
    })),
    ...(setups.length === 0
      ? {}
      : {
          setup: (connection) => {
            for (const setup of setups) setup(connection);
          },
        }),
    ...(checks.length === 0 ? {} : { check: (connection) => checks.flatMap((check) => check(connection)) }),
    open: (connection, settings) => {
      const sessions = scenarios.map((scenario, source) =>
        scenario.open(connection, {
          ...settings,
          runId: `${settings.runId}${source}`,
          ...(settings.onStatement === undefined ? {} : { onStatement: shifted(settings.onStatement, parts, source) }),
        }),
      );
      return {
        run: (type: number, parameters: Parameters) => {
          const part = parts[type];
          if (part !== undefined) (sessions[part.source] as ScenarioSession).run(part.type, parameters);
        },
      };
    },
  };
}

type OnStatement = NonNullable<SessionSettings['onStatement']>;

function shifted(report: OnStatement, parts: readonly { readonly source: number }[], source: number): OnStatement {
  const offset = parts.findIndex((part) => part.source === source);
  return (type, statement, startedMs, endedMs) => report(type + offset, statement, startedMs, endedMs);
}
