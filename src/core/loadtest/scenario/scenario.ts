import type { Connection } from '../../sqlite/connection.ts';
import type { SqlValue } from '../../sqlite/statement.ts';
import type { Draw } from '../stream/draw.ts';

export type Parameters = Readonly<Record<string, SqlValue>>;

export interface ScenarioTransaction {
  readonly name: string;
  /** Share of the mix; only the ratio to the other weights counts. */
  readonly weight: number;
  /** Statement texts, for the stream hash. */
  readonly statements: readonly string[];
  /** Pause after it in closed loop; the run's think time otherwise. */
  readonly thinkMs?: number;
  /** The values it binds. Must depend on `draw` and `k` alone. */
  parameters(draw: Draw, k: number): Parameters;
}

/** One client's running scenario. */
export interface ScenarioSession {
  /** Executes one transaction and returns after its COMMIT; throws when it failed. */
  run(type: number, parameters: Parameters): void;
}

export interface SessionSettings {
  /** Marks the rows of this run. */
  readonly runId: string;
  readonly seed: number;
  /** Called with the position of a statement in `statements` and its time, when per-statement times are wanted. */
  readonly onStatement?: (type: number, statement: number, startedMs: number, endedMs: number) => void;
}

export interface Scenario {
  readonly name: string;
  readonly transactions: readonly ScenarioTransaction[];
  /** Makes tables that the scenario needs of its own; called once on the base file. */
  setup?(connection: Connection): void;
  /** Looks at the file after the load; every text is a problem. */
  check?(connection: Connection): readonly string[];
  open(connection: Connection, settings: SessionSettings): ScenarioSession;
}
