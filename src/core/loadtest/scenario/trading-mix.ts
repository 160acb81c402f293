import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { prepareMixMarket } from '../../trading/mix/market.ts';
import type { Mix } from '../../trading/mix/mix.ts';
import { mixes } from '../../trading/mix/mixes.ts';
import { MixSession } from '../../trading/mix/session.ts';
import { applyReferenceSchema, hasReferenceSchema } from '../../trading/reference-schema.ts';
import type { Scenario } from './scenario.ts';

/** The load mixes of the trading schema, driven through the order store that an engine uses. */

function setup(connection: Connection): void {
  if (!hasReferenceSchema(connection)) {
    const isEmpty = connection.value('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined;
    if (!isEmpty) {
      throw new TradedbError('schema_missing', 'the database does not have the trading schema of this mix', {
        hint: 'use --scenario order-entry, or a scenario file of your own: see docs/loadtest.md',
      });
    }
    applyReferenceSchema(connection);
  }
  prepareMixMarket(connection);
}

function makeScenario(mix: Mix): Scenario {
  return {
    name: mix.name,
    // The store owns the statements; the name stands for them in the stream hash.
    transactions: mix.transactions.map(({ name, weight, parameters }) => ({
      name,
      weight,
      statements: [],
      parameters,
    })),
    setup,
    open: (connection, { runId, seed }) => {
      const session = new MixSession(connection, { runId, seed });
      return { run: (type, parameters) => mix.transactions[type]?.run(session, parameters as never) };
    },
  };
}

export const tradingScenarios: readonly Scenario[] = mixes.map(makeScenario);
