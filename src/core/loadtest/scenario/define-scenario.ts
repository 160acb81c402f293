import type { Connection } from '../../sqlite/connection.ts';
import type { Draw } from '../stream/draw.ts';
import type { Parameters } from './scenario.ts';

/** One transaction of a scenario module. */
export interface ModuleTransaction {
  /** Share of the mix, 1 by default; only the ratio to the others counts. */
  readonly weight?: number;
  /** `immediate` (default): `run` is inside BEGIN IMMEDIATE. `read`: inside one snapshot. */
  readonly mode?: 'immediate' | 'read';
  /** Pause after it in a closed loop, in milliseconds. */
  readonly thinkMs?: number;
  /** The values of transaction `k`. Must depend on `draw` and `k` alone: no clock and no chance of its own. */
  parameters(draw: Draw, k: number): Parameters;
  /** Does it, synchronously; a throw rolls it back and counts as a failure. */
  run(connection: Connection, parameters: Parameters): void;
}

/** What a scenario module exports as its default. */
export interface ModuleScenario {
  readonly name: string;
  readonly transactions: Readonly<Record<string, ModuleTransaction>>;
  /** Makes what the load needs, once, on the copy. */
  setup?(connection: Connection): void;
  /** Looks at the copy after the load; every text it returns is a problem, and one problem is exit 12. */
  check?(connection: Connection): readonly string[];
}

/** Gives editors the types of a scenario module: `export default defineScenario({ ... })`. */
export function defineScenario(scenario: ModuleScenario): ModuleScenario {
  return scenario;
}
