import { readFile } from 'node:fs/promises';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { readCaptureLog } from './capture-log.ts';
import { seededChance } from './seeded-chance.ts';
import { readSqlFile } from './sql-file.ts';
import { readSqlalchemyLog } from './sqlalchemy-log.ts';
import type { Workload } from './workload.ts';
import { WorkloadBuilder } from './workload-builder.ts';
import { expandPattern, isCaptureFile, isLogFile } from './workload-files.ts';

/** Reads workload files (absolute paths, `*` allowed) into one workload; the same files and seed give the same sample. */
export async function readWorkload(patterns: readonly string[], seed: number): Promise<Workload> {
  const files = [...new Set(patterns.flatMap(expandPattern))];
  const builder = new WorkloadBuilder(seededChance(seed));
  for (const file of files) {
    if (isCaptureFile(file)) await readCaptureLog(file, builder);
    else if (isLogFile(file)) await readSqlalchemyLog(file, builder);
    else readSqlFile(await readText(file), file, builder);
  }
  const workload = builder.finish(files);
  if (workload.queries.length === 0) {
    throw new TradedbError(
      'usage',
      `no statement to analyse in ${files.map((file) => JSON.stringify(file)).join(', ')}`,
      {
        hint: 'SELECT, INSERT, UPDATE, DELETE, REPLACE, WITH and VALUES are analysed',
      },
    );
  }
  return workload;
}

async function readText(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    if (!text.includes('\0')) return text;
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  throw new TradedbError('usage', `${JSON.stringify(path)} is no SQL text`, { hint: 'it holds NUL characters' });
}
