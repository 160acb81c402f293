/** What a screen, in the terminal or in the browser, shows of one alert rule. */
export interface AlertFacts {
  readonly rule: string;
  readonly phase: string;
  readonly severity: string | null;
  readonly value: number | null;
  /** ISO time of the last change. */
  readonly since: string;
  readonly labels: Readonly<Record<string, string>>;
}
