import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Connection, createDatabase, openReadWrite } from '../../../src/core/sqlite/connection.ts';
import { normalProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import type { Draw, Mix } from '../../../src/core/trading/mix/mix.ts';
import { mixes } from '../../../src/core/trading/mix/mixes.ts';
import { type MixSession, openMixSession } from '../../../src/core/trading/mix/session.ts';
import { applyReferenceSchema } from '../../../src/core/trading/reference-schema.ts';
import { runRules } from '../../../src/core/trading/rule/run-rules.ts';
import { microseconds } from '../../../src/core/trading/time.ts';
import { testPorts } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A small seeded generator (mulberry32), and a Zipf draw by the inverse of a power law. */
function draws(seed: number): Draw {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    uniform,
    integer: (n) => Math.floor(uniform() * n),
    zipf: (n) => Math.min(n, Math.max(1, Math.floor(n ** uniform()))),
  };
}

function pick(mix: Mix, share: number): number {
  const total = mix.transactions.reduce((sum, transaction) => sum + transaction.weight, 0);
  let left = share * total;
  return mix.transactions.findIndex((transaction) => {
    left -= transaction.weight;
    return left < 0;
  });
}

function broken(connection: Connection): unknown[] {
  const nowUs = microseconds(testPorts.clock.wallTime());
  return runRules(connection, { nowUs, tolUs: 1_000_000, staleUs: 86_400_000_000 }).filter(
    (result) => result.status !== 'ok',
  );
}

function emptyDatabase(): { open: () => Connection } {
  const path = join(temporaryFolder(), 'mix.db');
  const first = createDatabase(path, normalProfile, testPorts);
  applyReferenceSchema(first);
  first.close();
  return { open: () => openReadWrite(path, normalProfile, testPorts) };
}

describe.each(mixes.map((mix) => [mix.name, mix] as const))('%s', (name, mix) => {
  test('weights sum to a hundred, or a thousand', () => {
    const sum = mix.transactions.reduce((total, transaction) => total + transaction.weight, 0);
    expect(sum).toBeCloseTo(name === 'tpce' ? 1000 : 100, 9);
    expect(new Set(mix.transactions.map((transaction) => transaction.name)).size).toBe(mix.transactions.length);
  });

  test('parameters depend on the draw alone', () => {
    for (const transaction of mix.transactions) {
      expect(transaction.parameters(draws(7), 1)).toEqual(transaction.parameters(draws(7), 1));
    }
  });

  test('two writers on one file leave a state that every rule accepts', () => {
    const { open } = emptyDatabase();
    const connections = [open(), open()];
    const sessions = connections.map(
      (connection, index): MixSession => openMixSession(connection, { runId: `w${index}`, seed: index }),
    );
    const draw = draws(42);
    const done = new Map<string, number>();
    for (let k = 0; k < 1500; k++) {
      const transaction = mix.transactions[pick(mix, draw.uniform())];
      if (transaction === undefined) throw new Error('no transaction was picked');
      transaction.run(sessions[k % 2] as MixSession, transaction.parameters(draw, k));
      done.set(transaction.name, (done.get(transaction.name) ?? 0) + 1);
    }
    for (const transaction of mix.transactions) {
      if (transaction.weight < 1) transaction.run(sessions[0] as MixSession, transaction.parameters(draw, 0));
      else expect(done.get(transaction.name), transaction.name).toBeGreaterThan(0);
    }
    expect(broken(connections[0] as Connection)).toEqual([]);
    for (const connection of connections) connection.close();
  });

  test('orders that were rolled back do not disturb those after them', () => {
    const { open } = emptyDatabase();
    const connection = open();
    const session = openMixSession(connection, { runId: 'r', seed: 1 });
    const draw = draws(3);
    for (let k = 0; k < 200; k++) {
      const transaction = mix.transactions[pick(mix, draw.uniform())];
      const parameters = transaction?.parameters(draw, k) ?? {};
      if (k % 3 !== 0) {
        transaction?.run(session, parameters);
        continue;
      }
      expect(() =>
        connection.tx(() => {
          transaction?.run(session, parameters);
          throw new Error('undo');
        }),
      ).toThrow('undo');
    }
    expect(broken(connection)).toEqual([]);
    connection.close();
  });
});
