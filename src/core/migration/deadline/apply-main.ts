import { readFileSync, writeSync } from 'node:fs';
import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { TradedbError } from '../../error.ts';
import { runUp, type UpRequest } from '../up-run.ts';
import type { ExecutorMessage } from './message.ts';

/**
 * Entry of the process that carries out a run of `up` under a deadline for statements. A running statement cannot be
 * stopped inside a process; killing it rolls the transaction back. The request comes on stdin, messages go to stdout:
 * synchronously, so that the parent knows of a statement before it starts.
 */
// The terminal signals the whole group: the parent decides, and kills.
process.on('SIGINT', () => {});
const tell = (message: ExecutorMessage): void => {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
};
const quiet = () => {};
const context = {
  clock: systemClock,
  random: systemRandom,
  signal: new AbortController().signal,
  progress: { start: () => ({ advance: quiet, total: quiet, done: quiet }) },
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
};
const request = JSON.parse(readFileSync(0, 'utf8')) as UpRequest;
runUp(
  request,
  {
    onStart: (place) => tell({ type: 'start', place }),
    onStatement: () => tell({ type: 'end' }),
    onFile: (file) => tell({ type: 'file', file }),
    onSeed: (file) => tell({ type: 'seed', file }),
  },
  context,
).then(
  (result) => tell({ type: 'result', result }),
  (error: unknown) => {
    const known = error instanceof TradedbError ? error : new TradedbError('internal', String(error));
    tell({ type: 'error', code: known.code, message: known.message, hint: known.hint ?? null });
  },
);
