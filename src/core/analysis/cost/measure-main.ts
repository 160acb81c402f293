import { Worker } from 'node:worker_threads';
import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { TradedbError } from '../../error.ts';
import type { Connection } from '../../sqlite/connection.ts';
import { adoptScratchFolder, openScratch } from '../../sqlite/scratch.ts';
import { calibrationSql, openCalibration } from './calibration.ts';
import type { MeasureAnswer, MeasureRequest } from './measure-protocol.ts';
import { digestRows, runSlice, timeStatement } from './measured-run.ts';

/**
 * Entry of the measuring child. A statement that runs too long cannot be stopped inside a process, so the parent kills
 * this one; the copy is in WAL mode and survives that.
 */

let connection: Connection | undefined;
let calibration: Connection | undefined;

function open(request: { folder: string; path: string }): null {
  adoptScratchFolder(request.folder);
  connection = openScratch(request.path, { clock: systemClock, random: systemRandom });
  connection.pragma('journal_mode = WAL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('cache_size = -65536');
  return null;
}

function answer(request: MeasureRequest): unknown {
  if (request.kind === 'open') return open(request);
  if (connection === undefined) throw new TradedbError('internal', 'no database was opened');
  switch (request.kind) {
    case 'exec':
      connection.exec(request.sql);
      return null;
    case 'time':
      return timeStatement(connection, request, used);
    case 'slice':
      return runSlice(connection, request, usedCpuMs);
    case 'calibrate':
      calibration ??= openCalibration({ clock: systemClock, random: systemRandom });
      return runSlice(
        calibration,
        { sets: [{ sql: calibrationSql, values: [] }], pragmas: [], hidden: [], sliceMs: request.sliceMs },
        usedCpuMs,
      );
    case 'digest':
      return digestRows(connection, request);
  }
}

function usedCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function used(): { cpuMs: number; diskReads: number } {
  const { userCPUTime, systemCPUTime, fsRead } = process.resourceUsage();
  return { cpuMs: (userCPUTime + systemCPUTime) / 1000, diskReads: fsRead };
}

function failure(error: unknown): MeasureAnswer {
  if (error instanceof TradedbError) return { ok: false, code: error.code, message: error.message };
  return { ok: false, code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

process.on('message', (request: MeasureRequest) => {
  let result: MeasureAnswer;
  try {
    result = { ok: true, value: answer(request) };
  } catch (error) {
    result = failure(error);
  }
  process.send?.(result);
});
// The parent is gone: so is the reason to go on.
process.on('disconnect', () => process.exit(0));
// While a statement runs, no event of this thread does: another thread notices that the parent was killed.
new Worker(
  `const parent = process.ppid; setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 500);`,
  { eval: true },
).unref();
// Ctrl-C reaches the whole process group; the parent ends its children in order.
process.on('SIGINT', () => {});
