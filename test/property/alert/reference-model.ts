import type { AlertRule, AlertSeverity } from '../../../src/core/alert/rule.ts';
import type { AlertPhase } from '../../../src/core/alert/state.ts';

const minute = 60_000;

/** What a look knew: all clocks, and a value or none. */
export interface ModelLook {
  readonly value: number | undefined;
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly boot: number;
}

/**
 * The table of states for one series of one rule (limits 10 and 20, ended below 5), as plainly as it can be said: ages
 * in observed time, the age at which the present run of bad or good samples began, and the ages of all changes. It
 * shares no code with the evaluator.
 */
export class ReferenceModel {
  phase: AlertPhase = 'ok';
  /** What people believe. */
  told: AlertSeverity | null = null;
  #pending: AlertSeverity | null = null;
  #isFlapping = false;
  #age = 0;
  #runBegan = 0;
  #bad = false;
  #changes: number[] = [];
  #missingMs = 0;
  #sample: ModelLook | undefined;
  #look: ModelLook | undefined;
  readonly #rule: Pick<AlertRule, 'forMs' | 'keepMs' | 'nodata'>;
  readonly #intervalMs: number;

  constructor(rule: Pick<AlertRule, 'forMs' | 'keepMs' | 'nodata'>, intervalMs: number) {
    this.#rule = rule;
    this.#intervalMs = intervalMs;
  }

  /** What people hear after this look: `kind severity`, or nothing. */
  see(look: ModelLook): string | undefined {
    const heard = look.value === undefined ? this.#missing(look) : this.#sampled(look, look.value);
    this.#look = look;
    return heard;
  }

  #trusted(from: ModelLook | undefined, to: ModelLook): number {
    if (from === undefined) return 0;
    const passed = from.boot === to.boot ? to.monotonicMs - from.monotonicMs : to.wallMs - from.wallMs;
    return passed < 0 || passed > 2 * this.#intervalMs ? 0 : passed;
  }

  #missing(look: ModelLook): string | undefined {
    this.#missingMs += this.#trusted(this.#look, look);
    if (this.phase === 'nodata' || this.#missingMs <= 2 * this.#intervalMs) return undefined;
    this.phase = 'nodata';
    this.#pending = null;
    const told = this.told;
    if (this.#rule.nodata === 'keep') return undefined;
    if (this.#rule.nodata === 'alert') {
      this.told = told ?? 'warning';
      this.#bad = true;
      return `nodata ${this.told}`;
    }
    this.told = null;
    this.#bad = false;
    this.#isFlapping = false;
    return told === null ? undefined : `resolved ${told}`;
  }

  #sampled(look: ModelLook, value: number): string | undefined {
    this.#age += this.#trusted(this.#sample, look);
    this.#sample = look;
    this.#missingMs = 0;
    const returned = this.phase === 'nodata';
    if (returned) this.phase = this.told === null ? 'ok' : this.#isFlapping ? 'flapping' : 'firing';
    const bad = value >= (this.told === null ? 10 : 5);
    const level: AlertSeverity = value >= 20 ? 'critical' : 'warning';
    const changed = bad !== this.#bad;
    this.#bad = bad;
    if (changed) this.#changes.push(this.#age);
    if (changed || (returned && !bad)) this.#runBegan = this.#age;
    if (this.#isFlapping) return this.#flap(bad, level);
    const sixth = this.#changes.at(-6);
    if (changed && sixth !== undefined && this.#age - sixth <= 30 * minute) {
      const levels = [this.told, this.#pending, bad ? level : 'warning'];
      this.#isFlapping = true;
      return this.#tell('flapping', 'flapping', levels.includes('critical') ? 'critical' : 'warning');
    }
    return this.told === null ? this.#untold(bad, level) : this.#toldOf(bad, level);
  }

  #untold(bad: boolean, level: AlertSeverity): string | undefined {
    if (!bad) {
      this.phase = 'ok';
      this.#pending = null;
      return undefined;
    }
    if (this.phase !== 'pending') this.#runBegan = this.#age;
    if (this.#age - this.#runBegan >= this.#rule.forMs) return this.#tell('fired', 'firing', level);
    this.phase = 'pending';
    this.#pending = level;
    return undefined;
  }

  #toldOf(bad: boolean, level: AlertSeverity): string | undefined {
    this.phase = bad ? 'firing' : 'recovering';
    if (bad) return this.#rise(level);
    return this.#age - this.#runBegan >= this.#rule.keepMs ? this.#end() : undefined;
  }

  #flap(bad: boolean, level: AlertSeverity): string | undefined {
    if (this.#age - this.#runBegan < 15 * minute) return bad ? this.#rise(level) : undefined;
    this.#isFlapping = false;
    this.#changes = [];
    return bad ? this.#tell('fired', 'firing', level) : this.#end();
  }

  #rise(level: AlertSeverity): string | undefined {
    return level === 'critical' && this.told === 'warning' ? this.#tell('escalated', this.phase, level) : undefined;
  }

  #end(): string {
    const text = `resolved ${this.told}`;
    this.phase = 'ok';
    this.told = null;
    this.#runBegan = this.#age;
    return text;
  }

  #tell(kind: string, phase: AlertPhase, severity: AlertSeverity): string {
    this.phase = phase;
    this.told = severity;
    this.#pending = null;
    return `${kind} ${severity}`;
  }
}
