import { planCost } from '../query-plan/plan-cost.ts';
import type { ConfiguredPlan } from '../shadow/configuration-planner.ts';
import { encodeParameters } from '../workload/parameter-value.ts';
import type { Statement } from './studied-query.ts';

export interface Timed {
  readonly ms: number;
  /** It was stopped; `ms` is then a lower bound or a guess. */
  readonly expired: boolean;
}

/** How strongly the time of a plan follows the planner's cost: estimates exaggerate. */
const costPower = 0.7;
/** A plan that was never run is not expected to be better than the best one that was by more than this factor. */
const greatestHope = 8;

interface Known extends Timed {
  readonly plan: ConfiguredPlan;
  readonly cost: number;
}

/** Times of one statement by plan; null for what cannot be timed. */
interface Times {
  readonly byPlan: Map<string, Known | null>;
  best: Known | undefined;
}

/** Times of statements by plan, and what to expect of plans that were never run. */
export class PlanTimes {
  readonly #times = new Map<string, Times>();
  // The same objects are looked up thousands of times, and their texts are long.
  readonly #ofStatement = new WeakMap<Statement, Times>();
  readonly #keys = new WeakMap<ConfiguredPlan, string>();

  /** Undefined before it was timed, null when it cannot be. */
  get(statement: Statement, plan: ConfiguredPlan): Timed | null | undefined {
    return this.#of(statement).byPlan.get(this.#key(plan));
  }

  set(statement: Statement, plan: ConfiguredPlan, time: Timed | null): void {
    const times = this.#of(statement);
    const known = time === null ? null : { ...time, plan, cost: planCost(plan.steps) };
    times.byPlan.set(this.#key(plan), known);
    if (known !== null && known.ms <= (times.best?.ms ?? known.ms)) times.best = known;
  }

  /** The best time of a statement under any plan. */
  best(statement: Statement): number | undefined {
    return this.#of(statement).best?.ms;
  }

  /** The plan that had it. */
  quickest(statement: Statement): ConfiguredPlan | undefined {
    return this.#of(statement).best?.plan;
  }

  /** What the planner finds dearer than the best plan is taken to be no quicker; of anything else nothing is known. */
  floor(statement: Statement, plan: ConfiguredPlan): number {
    const known = this.get(statement, plan);
    if (known !== undefined) return known?.ms ?? 0;
    const { best } = this.#of(statement);
    return best !== undefined && planCost(plan.steps) > best.cost ? best.ms : 0;
  }

  /** The time where it is known; otherwise that of the plan with the nearest cost, scaled by the planner's opinion. */
  expected(statement: Statement, plan: ConfiguredPlan): number {
    const time = this.get(statement, plan);
    if (time !== undefined) return time?.ms ?? 0;
    const { byPlan, best } = this.#of(statement);
    const cost = Math.max(1, planCost(plan.steps));
    let nearest: { readonly ms: number; readonly ratio: number } | undefined;
    for (const known of byPlan.values()) {
      if (known === null) continue;
      const ratio = cost / Math.max(1, known.cost);
      if (nearest === undefined || Math.abs(Math.log(ratio)) < Math.abs(Math.log(nearest.ratio))) {
        nearest = { ms: known.ms, ratio };
      }
    }
    if (nearest === undefined) return 0;
    return Math.max(nearest.ms * nearest.ratio ** costPower, (best?.ms ?? 0) / greatestHope);
  }

  /** The same for one who hopes: no worse than the best that was seen. */
  hoped(statement: Statement, plan: ConfiguredPlan): number {
    const time = this.get(statement, plan);
    if (time !== undefined) return time?.ms ?? 0;
    return Math.min(this.expected(statement, plan), this.best(statement) ?? 0);
  }

  #of(statement: Statement): Times {
    const known = this.#ofStatement.get(statement);
    if (known !== undefined) return known;
    const key = `${statement.sql}\0${encodeParameters(statement.values)}`;
    const times = this.#times.get(key) ?? { byPlan: new Map(), best: undefined };
    this.#times.set(key, times);
    this.#ofStatement.set(statement, times);
    return times;
  }

  #key(plan: ConfiguredPlan): string {
    const known = this.#keys.get(plan);
    if (known !== undefined) return known;
    const key = `${plan.text}\0${plan.maintained.join('\0')}`;
    this.#keys.set(plan, key);
    return key;
  }
}
