import type { CheckpointResult } from '../../core/maintenance/checkpoint/run.ts';
import type { Finding } from '../../core/report.ts';
import { defineCommand } from '../definition.ts';

export const definition = defineCommand({
  path: ['vacuum', 'checkpoint'],
  summary: 'copy the WAL into the database file, or name the reader that prevents it',
  options: {
    mode: {
      type: 'choice',
      choices: ['passive', 'full', 'restart', 'truncate'],
      config: 'maintenance.checkpoint.mode',
      summary: 'passive waits for nobody; full for writers; restart and truncate for readers too',
    },
    timeout: {
      type: 'duration',
      value: 'time',
      config: 'maintenance.checkpoint.timeout',
      summary: 'how long the other modes try',
    },
  },
  changes: true,
  asks: true,
  formats: ['markdown', 'prometheus'],
  examples: [
    { command: 'vacuum checkpoint --dry-run', does: 'how far the checkpoint is behind, and who holds it back' },
    { command: 'vacuum checkpoint', does: 'copy what can be copied without waiting' },
    { command: 'vacuum checkpoint --mode truncate --timeout 30s', does: 'also shrink the -wal file to nothing' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'everything is in the database file',
    3: 'frames are left behind a reader',
    10: 'the database does not exist',
    11: 'busy until the timeout (not passive)',
    12: 'not a database',
  },
  async run({ options }, context) {
    const path = context.databasePath();
    const { runCheckpoint } = await import('../../core/maintenance/checkpoint/run.ts');
    const configured = context.config.maintenance.checkpoint;
    const mode = options.mode ?? configured.mode;
    if (mode === 'truncate' && context.host.platform === 'darwin' && !context.dryRun) {
      await context.confirm('On macOS a truncated WAL can end another process that maps it (SIGBUS). Truncate it?');
    }
    const result = await runCheckpoint(
      {
        database: path,
        mode,
        timeoutMs: options.timeout ?? configured.timeout,
        busyTimeoutMs: context.config.connection.busyTimeout,
        dryRun: context.dryRun,
        ownPid: context.host.pid,
      },
      context,
    );
    return context.report(result, {
      findings: findingsOf(result),
      metrics: [
        {
          name: 'wal_backlog_bytes',
          type: 'gauge',
          help: 'WAL content that is not in the database file yet.',
          value: result.backlogAfterBytes,
        },
        { name: 'wal_file_bytes', type: 'gauge', help: 'Size of the -wal file.', value: result.walFileBytes },
      ],
    });
  },
  exitCode(report) {
    if (report.data.busy) return 11;
    return report.status === 'ok' ? 0 : 3;
  },
});

function findingsOf(result: CheckpointResult): Finding[] {
  if (result.dryRun && result.blockers.length === 0) return [];
  if (result.backlogAfterBytes === 0 && !result.busy) return [];
  const left = result.logFrames - result.checkpointedFrames;
  if (result.blockers.length === 0) {
    const message = result.busy
      ? 'a lock of another process kept the checkpoint out'
      : `${left} frames were written after the checkpoint looked`;
    return [{ id: 'checkpoint.incomplete', severity: result.busy ? 'warning' : 'info', message }];
  }
  return result.blockers.map((blocker) => ({
    id: 'checkpoint.blocked',
    severity: 'warning',
    subject: `pid ${blocker.pid}`,
    message: `${blocker.command} holds ${blocker.bytes.join(', ')}${blocker.frame === null ? '' : ` at frame ${blocker.frame} of ${result.logFrames}`}`,
    hint: 'its transaction has to end before the rest can be copied',
    values: { pid: blocker.pid, framesLeft: left },
  }));
}
