import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect } from 'vitest';
import type { AdviceData } from '../../src/core/analysis/index-advice/advice-data.ts';
import { type AdviceRequest, adviseIndexes } from '../../src/core/analysis/index-advice/advise.ts';
import { readWorkload } from '../../src/core/analysis/workload/read-workload.ts';
import { testContext } from './context.ts';
import { folderState } from './folder-state.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface AdviceTry {
  readonly data: AdviceData;
  readonly path: string;
}

/** Makes a database, asks for advice on a workload, and checks that nothing was changed and nothing is left behind. */
export async function adviseOn(
  schema: string,
  workload: string,
  parts: Partial<AdviceRequest> = {},
): Promise<AdviceTry> {
  const folder = temporaryFolder();
  const scratchParent = temporaryFolder();
  const path = join(folder, 'a.db');
  const db = new Database(path);
  db.exec(schema);
  db.close();
  writeFileSync(join(folder, 'w.sql'), workload);
  const before = folderState(folder);
  const request: AdviceRequest = {
    path,
    scratchParent,
    ownerId: process.pid,
    busyTimeoutMs: 300,
    workload: await readWorkload([join(folder, 'w.sql')], 1),
    seed: 1,
    timeLimitMs: 30_000,
    copyLimitBytes: 1e9,
    maxIndexes: 20,
    sizeBudgetBytes: Number.POSITIVE_INFINITY,
    maxSlowdown: 1.1,
    gainFloor: 0.1,
    minimumGain: 0.005,
    kinds: new Set(['plain', 'covering', 'partial', 'expression']),
    drops: 'redundant',
    pinned: [],
    stat4: true,
    engineKnown: false,
    ...parts,
  };
  const data = await adviseIndexes(request, testContext());
  expect(folderState(folder)).toEqual(before);
  expect(readdirSync(scratchParent)).toEqual([]);
  return { data, path };
}

/** SQL of the recommendations of one kind. */
export function advised(data: AdviceData, action: 'create' | 'drop' | 'analyze'): string[] {
  return data.recommendations.filter((one) => one.action === action).map((one) => one.sql);
}
