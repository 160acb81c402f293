import { createHash } from 'node:crypto';
import type { Parameters, Scenario } from '../scenario/scenario.ts';
import { AliasTable } from './alias-table.ts';
import { CounterDraw } from './draw.ts';

/** Transactions that the stream hash covers. */
const hashedTransactions = 10_000;

/** Warm-up and JIT warming use transaction numbers of their own, so that they never create what the run creates. */
export const keySpace = { measured: 0, warmup: 2 ** 40, rehearsal: 2 ** 41 } as const;

/** What transaction `k` is, as a pure function of the seed and `k`. */
export class StatementStream {
  readonly #scenario: Scenario;
  readonly #types: CounterDraw;
  readonly #parameters: CounterDraw;
  readonly #table: AliasTable;

  constructor(scenario: Scenario, seed: number) {
    this.#scenario = scenario;
    this.#types = new CounterDraw(seed, 0);
    this.#parameters = new CounterDraw(seed, 1);
    this.#table = new AliasTable(scenario.transactions.map((transaction) => transaction.weight));
  }

  /** Index of the type of transaction `k` in the scenario. */
  typeOf(k: number): number {
    if (this.#scenario.transactions.length === 1) return 0;
    return this.#table.pick(this.#types.start(k).uniform());
  }

  /** Values of transaction `k` of the given type. */
  parametersOf(k: number, type: number): Parameters {
    const transaction = this.#scenario.transactions[type];
    return transaction === undefined ? {} : transaction.parameters(this.#parameters.start(k), k);
  }

  /** Covers type, statement texts and bound values of the first 10,000 transactions; values read back by name only. */
  streamHash(count = hashedTransactions): string {
    const hash = createHash('sha256');
    for (const transaction of this.#scenario.transactions) {
      hash.update(JSON.stringify([transaction.name, transaction.statements]));
    }
    for (let k = 0; k < count; k++) hash.update(this.#text(k));
    return hash.digest('hex').slice(0, 16);
  }

  /** Sum over executed transactions, so the order and the number of clients do not matter. */
  executedHash(numbers: Iterable<number>): string {
    let sum = 0n;
    for (const k of numbers) {
      const digest = createHash('sha256')
        .update(`${k}:${this.#text(k)}`)
        .digest();
      sum = BigInt.asUintN(64, sum + digest.readBigUInt64LE(0));
    }
    return sum.toString(16).padStart(16, '0');
  }

  #text(k: number): string {
    const type = this.typeOf(k);
    return `${type}${JSON.stringify(this.parametersOf(k, type), taggedValue)}\n`;
  }
}

/** JSON keeps neither BigInt nor bytes apart from other types; the hash must. */
function taggedValue(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `n${value}`;
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'string') return `s${value}`;
  return value;
}
