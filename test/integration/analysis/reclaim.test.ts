import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { measureSpace } from '../../../src/core/analysis/space/measure-space.ts';
import { testContext } from '../../support/context.ts';
import { buildHistory, histories } from '../../support/space-histories.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function predictedAndReal(path: string): { predicted: number; real: number; fileBytes: number } {
  const { data } = measureSpace(
    { path, pages: true, consistent: false, reclaimWarning: 0.2, busyTimeoutMs: 1000 },
    testContext(),
  );
  const db = new Database(path);
  db.prepare('VACUUM INTO ?').run(`${path}.vacuumed`);
  db.close();
  return {
    predicted: data.reclaimBytes ?? Number.NaN,
    real: data.fileBytes - statSync(`${path}.vacuumed`).size,
    fileBytes: data.fileBytes,
  };
}

describe('the predicted reclaim is within 2 % of the file of what VACUUM INTO frees', () => {
  for (const [name, fill] of Object.entries(histories)) {
    test.each([
      { pageBytes: 4096, autoVacuum: 0 },
      { pageBytes: 1024, autoVacuum: 2 },
      { pageBytes: 16384, autoVacuum: 1 },
    ])(`${name}, %o`, (options) => {
      const path = join(temporaryFolder(), 'a.db');
      buildHistory(path, fill, options);
      const { predicted, real, fileBytes } = predictedAndReal(path);
      expect(Math.abs(predicted - real) / fileBytes).toBeLessThanOrEqual(0.02);
    });
  }
});

test('after a VACUUM nothing is left to reclaim', () => {
  const path = join(temporaryFolder(), 'a.db');
  buildHistory(path, histories['every third row deleted'] as never);
  const db = new Database(path);
  db.exec('VACUUM');
  db.close();
  expect(predictedAndReal(path)).toMatchObject({ predicted: 0, real: 0 });
});
