import type { OpenerList } from '../../core/file-access/process-name.ts';
import type { Rates } from '../../core/monitor/rates.ts';
import type { Sample } from '../../core/monitor/sample.ts';
import type { Finding } from '../../core/report.ts';
import { defineCommand } from '../definition.ts';

/** The data of the report of `monitor sample`. */
export interface SampleData {
  readonly database: string;
  readonly intervalMs: number;
  readonly samples: readonly Sample[];
  readonly rates: Rates;
  /** Every process that has the file open; null without --processes. */
  readonly openers: OpenerList | null;
}

export const definition = defineCommand({
  path: ['monitor', 'sample'],
  summary: 'take one look (or several) at a database that others use, for scripts and collectors',
  options: {
    count: { type: 'integer', value: 'n', minimum: 1, maximum: 1_000_000, default: '1', summary: 'samples' },
    interval: { type: 'duration', value: 'time', default: '1s', summary: 'time between two samples' },
    attribution: {
      type: 'choice',
      choices: ['frames', 'index', 'off'],
      default: 'index',
      summary: 'frames: read the WAL to tell what is written to which table; index: read its page numbers alone',
    },
    processes: { type: 'flag', summary: 'also look at every open descriptor of every process (100 ms)' },
  },
  formats: ['ndjson', 'prometheus', 'markdown'],
  examples: [
    { command: 'monitor sample --json', does: 'one look' },
    { command: 'monitor sample --count 60 -f ndjson', does: 'a minute, one line per second' },
    { command: 'monitor sample --count 2 -f prometheus', does: 'for the text file collector of node_exporter' },
  ],
  exitCodes: {
    0: 'done',
    1: 'the sampler cannot run',
    3: 'the processes that use the database cannot be seen from here, or too few commits were seen',
    10: 'the database does not exist',
    12: 'not a database',
  },
  async run({ options }, context) {
    const { basename } = await import('node:path');
    const { TradedbError } = await import('../../core/error.ts');
    const { collectSamples } = await import('../../core/monitor/collect.ts');
    const { metricsOf } = await import('../../core/monitor/metrics/catalog.ts');
    const { watchSettings } = await import('./watch-settings.ts');
    if (options.interval < 10) {
      throw new TradedbError('usage', '--interval must be at least 10ms', { hint: 'such as --interval 100ms' });
    }
    const settings = await watchSettings(context, options.interval, options.attribution);
    const collected = await collectSamples(
      settings,
      context,
      (samples) => samples.length >= options.count,
      (sample) => context.emit({ type: 'sample', ...sample }),
    );
    const { path } = settings.sampler;
    const latest = collected.samples.at(-1);
    const openers = options.processes ? (await import('../../core/file-access/process-name.ts')).openersOf(path) : null;
    const data: SampleData = {
      database: path,
      intervalMs: options.interval,
      samples: collected.samples,
      rates: collected.rates,
      openers,
    };
    const { minCoverage } = context.config.monitor;
    const isBlind = latest !== undefined && latest.commits > 0 && latest.coverage < minCoverage;
    return context.report(data, {
      findings: isBlind ? [...collected.findings, lowCoverage(latest.coverage, minCoverage)] : collected.findings,
      metrics: latest === undefined ? [] : metricsOf(latest, basename(path)),
    });
  },
  exitCode({ data, findings }) {
    const isHidden = data.samples.some((sample) => sample.holders === 'outside-namespace');
    return isHidden || findings.some(({ id }) => id === 'coverage.low') ? 3 : 0;
  },
});

function lowCoverage(coverage: number, wanted: number): Finding {
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return {
    id: 'coverage.low',
    severity: 'warning',
    message: `the frames of ${percent(coverage)} of the commits were seen (monitor.minCoverage ${percent(wanted)}): writes per table are guesses`,
    hint: 'sample more often: a smaller --interval',
  };
}
