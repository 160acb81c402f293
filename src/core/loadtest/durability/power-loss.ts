import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TradedbError } from '../../error.ts';
import { CounterDraw } from '../stream/draw.ts';
import { type DurabilityBench, loggedAutocheckpointPages } from './bench.ts';
import { type CrashOutcome, judgeCrash, type MethodData, type Synchronous, summarize } from './contract.ts';
import { type LogRecord, parseWriteLog, powerCut } from './write-log.ts';

const run = promisify(execFile);

/** For the tests of the instrument: every n-th sync is neither made nor logged. */
export interface PowerOptions {
  readonly skipEverySync?: number;
}

/** Whether a preload library can be compiled and used here. */
export async function canLogWrites(platform: string): Promise<boolean> {
  if (platform !== 'linux') return false;
  return run('cc', ['--version']).then(
    () => true,
    () => false,
  );
}

/** Compiles `write-log.c` into the scratch folder. */
export async function compileWriteLog(folder: string): Promise<string> {
  const library = join(folder, 'write-log.so');
  const source = fileURLToPath(new URL('./write-log.c', import.meta.url));
  try {
    await run('cc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl']);
  } catch (error) {
    throw new TradedbError('unsupported', 'the write log could not be compiled', {
      hint: 'install a C compiler, or use --method kill',
      cause: error,
    });
  }
  return library;
}

/**
 * Loses power on paper: the writes of one writer are logged, and files are made as a disk may hold them when it loses
 * its power at a random point: what was synced is there; of the rest nothing, a part, or torn pieces.
 */
export async function runPowerCuts(
  bench: DurabilityBench,
  library: string,
  synchronous: Synchronous,
  options: PowerOptions = {},
): Promise<MethodData> {
  const { cuts, seed, groupSize } = bench.request;
  const { records, base } = await logWriter(bench, library, synchronous, options);
  const draw = new CounterDraw(seed, 11);
  const progress = bench.context.progress.start({
    id: `loadtest.durability.${synchronous}`,
    label: `power cuts, ${synchronous.toUpperCase()}`,
    unit: 'steps',
    total: cuts,
  });
  const outcomes: CrashOutcome[] = [];
  const kept: string[] = [];
  const image = join(bench.scratch.folder, 'cut.db');
  let acknowledged = 0;
  try {
    for (let number = 0; number < cuts; number++) {
      const at = 1 + draw.start(number).integer(records.length);
      const cut = powerCut(base, records, at, { seed, number });
      bench.removeImage(image);
      writeFileSync(image, cut.database);
      writeFileSync(`${image}-wal`, cut.wal);
      const promised = synchronous === 'full' ? cut.told : cut.syncedTold;
      // SQLite repairs the file as it opens it, so the image is kept as it was before.
      const before = keepIfBroken(bench, image, `${synchronous}-cut-${number}`);
      const outcome = judgeCrash(await bench.check(image, 1), [{ told: cut.told, promised }], groupSize);
      acknowledged += cut.told;
      outcomes.push(outcome);
      const path = before(outcome.broken && synchronous !== 'off');
      if (path !== undefined) kept.push(path);
      progress.advance(1);
    }
  } finally {
    bench.removeImage(image);
    progress.done();
  }
  return summarize({ method: 'write-log', synchronous, cycles: 0, cuts, acknowledged, kept }, outcomes);
}

function keepIfBroken(bench: DurabilityBench, image: string, name: string): (broken: boolean) => string | undefined {
  const bytes = readFileSync(image);
  const wal = readFileSync(`${image}-wal`);
  return (broken) => {
    if (!broken) return undefined;
    writeFileSync(image, bytes);
    writeFileSync(`${image}-wal`, wal);
    return bench.keepImage(image, name);
  };
}

async function logWriter(
  bench: DurabilityBench,
  library: string,
  synchronous: Synchronous,
  options: PowerOptions,
): Promise<{ records: LogRecord[]; base: Uint8Array }> {
  const { groupSize, transactions } = bench.request;
  const path = bench.scratch.copyBase(9000);
  const log = join(bench.scratch.folder, `write-${synchronous}.log`);
  const acknowledgements = join(bench.scratch.folder, `acknowledged-${synchronous}`);
  const base = readFileSync(path);
  const writer = bench.startWriter(
    {
      path,
      writer: 0,
      synchronous,
      autocheckpointPages: loggedAutocheckpointPages,
      groupSize,
      transactions,
      acknowledgements,
    },
    {
      // The list of preloaded libraries has no way to quote a space, so the path is relative to the folder.
      LD_PRELOAD: `./${basename(library)}`,
      TRADEDB_WRITE_LOG: log,
      TRADEDB_WRITE_LOG_DATABASE: path,
      TRADEDB_WRITE_LOG_ACKNOWLEDGEMENTS: acknowledgements,
      ...(options.skipEverySync === undefined ? {} : { TRADEDB_WRITE_LOG_SKIP_SYNC: String(options.skipEverySync) }),
    },
  );
  try {
    await writer.ready;
    await writer.finished();
  } finally {
    await writer.kill();
    bench.removeImage(path);
  }
  const records = existsSync(log) ? parseWriteLog(readFileSync(log)) : [];
  const writes = records.filter((record) => record.operation === 'write').length;
  if (writes < transactions / groupSize) {
    throw new TradedbError('unsupported', 'the writes of the writer could not be logged', {
      hint: 'the C library of this system may not be supported; use --method kill',
    });
  }
  return { records, base };
}
