import type { OperationContext } from '../../context.ts';
import type { Metric } from '../../report.ts';
import { serviceMetric } from '../metrics/service-series.ts';
import type { AlertRow } from '../web/routes.ts';

export interface AlertPort {
  /**
   * Evaluates the rules on metrics of one database and sends what is due; returns the state of its alerts afterwards.
   * `expects`: the series that this look could have brought.
   */
  look(
    database: string,
    metrics: readonly Metric[],
    expects: (series: Pick<Metric, 'name' | 'labels'>) => boolean,
  ): Promise<readonly AlertRow[]>;
}

const everyMs = 5000;

/** Phases as numbers, for the gauge: 0 good, 1 waits for its time, 2 fires. */
const phaseValues: Readonly<Record<string, number>> = {
  ok: 0,
  recovering: 2,
  firing: 2,
  flapping: 2,
  pending: 1,
  nodata: 1,
};

/** Hands metrics to the alert rules: one look at a time, and a failure costs no sample. */
export class AlertLoop {
  #port: AlertPort;
  readonly #context: OperationContext;
  readonly #rows = new Map<string, readonly AlertRow[]>();
  readonly #lookedAt = new Map<string, number>();
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;
  #failed = false;

  constructor(port: AlertPort, context: OperationContext) {
    this.#port = port;
    this.#context = context;
  }

  get rows(): readonly AlertRow[] {
    return [...this.#rows.values()].flat();
  }

  change(port: AlertPort): void {
    this.#port = port;
  }

  /** A database that is no longer watched has no alerts here. */
  async forget(database: string): Promise<void> {
    await this.#queue;
    this.#rows.delete(database);
    this.#lookedAt.delete(database);
  }

  /** The series of samples; most of the calls do nothing. */
  sampled(database: string, metrics: () => readonly Metric[]): void {
    const now = this.#context.clock.now();
    if (this.#waiting > 0 || now - (this.#lookedAt.get(database) ?? Number.NEGATIVE_INFINITY) < everyMs) return;
    this.#lookedAt.set(database, now);
    const taken = metrics();
    const names = new Set(taken.map(({ name }) => name));
    this.look(database, taken, ({ name }) => names.has(name));
  }

  look(
    database: string,
    metrics: readonly Metric[],
    expects: (series: Pick<Metric, 'name' | 'labels'>) => boolean,
  ): void {
    this.#waiting += 1;
    this.#queue = this.#queue.then(async () => {
      try {
        this.#rows.set(database, await this.#port.look(database, metrics, expects));
        this.#failed = false;
      } catch (error) {
        if (!this.#failed && !this.#context.signal.aborted) {
          this.#context.log.error('alerts_failed', {
            database,
            error: error instanceof Error ? error.message : String(error),
          });
        }
        this.#failed = true;
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  /** Resolves when the looks that were begun are done. */
  settled(): Promise<void> {
    return this.#queue;
  }

  metrics(): Metric[] {
    const worst = new Map<string, { database: string; rule: string; value: number }>();
    for (const { database, rule, phase } of this.rows) {
      const value = phaseValues[phase] ?? 0;
      const key = `${database}\n${rule}`;
      if (value >= (worst.get(key)?.value ?? 0)) worst.set(key, { database, rule, value });
    }
    return [...worst.values()].map(({ database, rule, value }) =>
      serviceMetric('alert_state', value, { database, rule }),
    );
  }
}
