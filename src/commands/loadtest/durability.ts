import type { DurabilityData } from '../../core/loadtest/durability/run-durability.ts';
import type { CheckResult, Finding } from '../../core/report.ts';
import { defineCommand } from '../definition.ts';
import { loadOptions } from './option-list.ts';

export const definition = defineCommand({
  path: ['loadtest', 'durability'],
  summary: 'crash writers and check that nothing acknowledged is gone',
  description:
    'Works on files of its own in the scratch folder, never on a database of yours: it tests this disk, this SQLite and these settings. kill ends writers with SIGKILL; write-log replays losses of power from a log of every write and sync (Linux with cc); wal-tear cuts the WAL (anywhere, but it assumes that syncs work). write-log runs also with synchronous OFF and must convict it, or the instrument is broken.',
  options: {
    method: {
      type: 'choice',
      choices: ['default', 'kill', 'write-log', 'wal-tear', 'all'],
      group: 'Method',
      config: 'loadtest.durability.method',
      summary: 'default: kill, and the best that this machine can do about power',
    },
    cycles: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 100_000,
      group: 'Method',
      config: 'loadtest.durability.cycles',
      summary: 'kills',
    },
    cuts: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 100_000,
      group: 'Method',
      config: 'loadtest.durability.cuts',
      summary: 'losses of power',
    },
    writers: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 16,
      default: '1',
      group: 'Method',
      summary: 'writers that are killed together',
    },
    transactions: {
      type: 'integer',
      value: 'n',
      minimum: 10,
      maximum: 1_000_000,
      default: '800',
      group: 'Method',
      summary: 'transactions of the writer that is logged or torn',
    },
    groupSize: loadOptions.groupSize,
    durability: loadOptions.durability,
    noControl: { type: 'flag', group: 'Method', summary: 'leave the run with OFF out' },
    seed: loadOptions.seed,
    annotations: loadOptions.annotations,
    scratchDir: loadOptions.scratchDir,
    keep: {
      type: 'flag',
      group: 'Method',
      summary: 'keep the scratch folder; images that broke the contract are always kept',
    },
  },
  examples: [
    { command: 'loadtest durability', does: 'what this machine can do' },
    { command: 'loadtest durability --method write-log --cuts 1000 --seed 7', does: 'a thousand losses of power' },
  ],
  exitCodes: {
    0: 'the contract holds',
    1: 'the test could not be made, or OFF was not convicted',
    3: 'only wal-tear was possible',
    12: 'the contract is broken',
  },
  formats: ['junit', 'markdown', 'html'],
  async run({ options }, context) {
    const { machineFacts, makeRunId, readProfile, scratchParent } = await import('./load-options.ts');
    const { runDurability } = await import('../../core/loadtest/durability/run-durability.ts');
    const configured = context.config.loadtest.durability;
    const synchronous = options.durability ?? context.config.connection.durability;
    const data = await runDurability(
      {
        runId: makeRunId(context),
        profile: readProfile(context.config, synchronous),
        synchronous,
        seed: options.seed ?? context.config.loadtest.seed ?? Math.floor(context.random.next() * 2 ** 32),
        cycles: options.cycles ?? configured.cycles,
        cuts: options.cuts ?? configured.cuts,
        writers: options.writers,
        groupSize: options.groupSize,
        transactions: options.transactions,
        scratchParent: scratchParent(options.scratchDir, context.databasePathIfAny(), context),
        machine: machineFacts(context),
        platform: context.host.platform,
        method: options.method ?? configured.method,
        control: !options.noControl && configured.control,
        keep: options.keep,
      },
      context,
    );
    const status = data.verdict === 'instrument-broken' ? ({ status: 'failed' } as const) : {};
    return context.report<DurabilityData>(data, { findings: findingsOf(data), checks: checksOf(data), ...status });
  },
  exitCode({ data }) {
    switch (data.verdict) {
      case 'ok':
        return 0;
      case 'broken':
        return 12;
      case 'incomplete':
        return 3;
      case 'instrument-broken':
        return 1;
    }
  },
});

function findingsOf(data: DurabilityData): Finding[] {
  const findings = data.methods
    .filter((method) => method.verdict === 'broken')
    .map(
      (method): Finding => ({
        id: 'loadtest.durability',
        severity: 'critical',
        subject: `${method.method} ${method.synchronous.toUpperCase()}`,
        message: `the contract is broken: ${method.lost} acknowledged transactions lost, ${method.partial} files with partial ones, ${method.corrupt + method.unopenable} damaged`,
        hint: method.kept.length === 0 ? 'repeat it with the same --seed' : `look at ${method.kept[0]}`,
      }),
    );
  if (data.verdict === 'instrument-broken') {
    findings.push({
      id: 'loadtest.durability-control',
      severity: 'critical',
      message: 'synchronous OFF was not convicted: the instrument does not work here, so nothing is proved',
      hint: 'repeat it with more --cuts or --transactions',
    });
  }
  if (data.verdict === 'incomplete') {
    findings.push({
      id: 'loadtest.durability-incomplete',
      severity: 'warning',
      message: 'wal-tear assumes that every sync reached the disk: a disk that lies would not be found',
      hint: 'run it on Linux with a C compiler for write-log',
    });
  }
  return findings;
}

function checksOf(data: DurabilityData): CheckResult[] {
  return data.methods.map((method) => ({
    id: `${method.method} ${method.synchronous.toUpperCase()}`,
    group: 'durability',
    status: method.verdict === 'ok' ? (data.verdict === 'instrument-broken' ? 'skipped' : 'ok') : 'critical',
    message: `lost ${method.lost}, partial ${method.partial}, corrupt ${method.corrupt}, unopenable ${method.unopenable}`,
    durationMs: 0,
  }));
}
