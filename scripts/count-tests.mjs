// Prints `N passed, N failed` from the test report of the last `npm test`, and before it the tests that passed only at
// their second try. Fails when a test was skipped in CI.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync('test-results/vitest.json', 'utf8'));
const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = report;
if (skipped > 0) {
  const names = report.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status !== 'passed' && test.status !== 'failed')
      .map((test) => test.fullName),
  );
  process.stdout.write(`skipped, which CI does not allow: ${names.join('; ')}\n`);
  process.exitCode = 1;
}
for (const { name, firstError } of JSON.parse(readFileSync('test-results/second-try.json', 'utf8'))) {
  process.stdout.write(`passed at the second try: ${name}: ${firstError.split('\n')[0]}\n`);
}
if (failed > 0 || passed === 0) process.exitCode = 1;
process.stdout.write(`${passed} passed, ${failed} failed\n`);
