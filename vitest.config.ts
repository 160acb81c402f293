import { defineConfig } from 'vitest/config';

// better-sqlite3 13 needs Node-API 10; an older Node would die with a segmentation fault instead of a message.
if (Number(process.versions.napi) < 10) {
  throw new Error(`tests need Node >= 22.15 (found ${process.version}); run them with "npm test"`);
}

/** Half a minute and 4 GiB of disk. */
const onRequest = process.env.TRADEDB_TEST_LARGE === '1' ? [] : ['test/integration/backup/large-database.test.ts'];

/**
 * In CI a test with real processes and a real clock gets a second try on a machine that stood still for a moment. A
 * property draws the same examples again. `scripts/count-tests.mjs` names each test that needed it, with its first error.
 */
const retry = process.env.CI === 'true' ? 1 : 0;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...onRequest],
    globalSetup: ['test/support/build.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry,
    pool: 'forks',
    // Most of the time the tests wait for child processes.
    maxWorkers: 2,
    // The JSON report is what .ci/run counts from.
    reporters: [
      'default',
      ['json', { outputFile: 'test-results/vitest.json' }],
      './test/support/second-try-reporter.ts',
    ],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text-summary', 'json-summary'] },
  },
});
