import type { SqlParameters } from '../../sqlite/statement.ts';
import { encodeParameters } from './parameter-value.ts';
import type { ParameterSet } from './workload.ts';

const mostSets = 24;
/** From here on some sets are kept aside. */
const fewestForHeldOut = 5;

/** A sample of the values a query was executed with. Frequent values stay with a higher probability, because skew matters. */
export class ParameterSample {
  readonly #chance: () => number;
  readonly #sets = new Map<string, { sql: string; values: SqlParameters; executions: number }>();
  #seen = 0;

  /** `chance` is uniform in [0, 1) and seeded, so that the same file gives the same sample. */
  constructor(chance: () => number) {
    this.#chance = chance;
  }

  add(sql: string, values: SqlParameters, executions: number): void {
    const key = `${sql}\0${encodeParameters(values)}`;
    this.#seen += executions;
    const known = this.#sets.get(key);
    if (known !== undefined) {
      known.executions += executions;
      return;
    }
    if (this.#sets.size >= mostSets) {
      if (this.#chance() >= (mostSets * executions) / this.#seen) return;
      const victim = [...this.#sets.keys()][Math.floor(this.#chance() * this.#sets.size)];
      if (victim !== undefined) this.#sets.delete(victim);
    }
    this.#sets.set(key, { sql, values, executions });
  }

  get executions(): number {
    return this.#seen;
  }

  /** Every third set is kept aside for the confirmation. */
  split(): { tuning: ParameterSet[]; heldOut: ParameterSet[] } {
    const sets = [...this.#sets.values()];
    if (sets.length < fewestForHeldOut) return { tuning: sets, heldOut: [] };
    return {
      tuning: sets.filter((_, index) => index % 3 !== 2),
      heldOut: sets.filter((_, index) => index % 3 === 2),
    };
  }
}
