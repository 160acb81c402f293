import { mkdirSync, writeFileSync } from 'node:fs';
import type { Reporter, TestCase } from 'vitest/node';

/** Writes down each test that passed at its second try only: its name and what was wrong at the first. */
export default class SecondTryReporter implements Reporter {
  readonly #tests: { readonly name: string; readonly firstError: string }[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky !== true) return;
    const [error] = test.result().errors ?? [];
    this.#tests.push({ name: `${test.module.relativeModuleId} > ${test.fullName}`, firstError: error?.message ?? '' });
  }

  onTestRunEnd(): void {
    mkdirSync('test-results', { recursive: true });
    writeFileSync('test-results/second-try.json', JSON.stringify(this.#tests));
  }
}
