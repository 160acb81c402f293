import type { Finding } from '../../core/report.ts';
import { defineCommand } from '../definition.ts';

export const definition = defineCommand({
  path: ['config', 'check'],
  summary: 'check the configuration and the environment',
  options: {},
  examples: [
    { command: 'config check', does: 'the file found from here upward' },
    { command: 'config check -c /etc/tradedb.config.json', does: 'a named file' },
  ],
  exitCodes: { 0: 'valid', 3: 'valid, with warnings', 4: 'not valid' },
  formats: ['junit', 'markdown'],
  ignoresConfig: true,
  async run({ options }, context) {
    const { findConfigFile, loadConfig } = await import('../../core/config/load.ts');
    const { configKeys } = await import('../../core/config/key.ts');
    const { TradedbError } = await import('../../core/error.ts');
    const { unknownVariables } = await import('../../core/config/unknown-variables.ts');
    const { workingDirectory, environment } = context.host;
    const named = (options as { config?: string }).config ?? environment('TRADEDB_CONFIG');
    const path = named === undefined ? findConfigFile(workingDirectory) : context.resolve(named);
    const findings: Finding[] = unknownVariables(context.host.environmentNames(), configKeys()).map((name) => ({
      id: 'config.variable',
      severity: 'warning',
      subject: name,
      message: 'this environment variable is no setting of tradedb',
      hint: 'tradedb config show --json lists the variable of each key',
    }));
    try {
      loadConfig({ path, folder: workingDirectory, environment });
    } catch (error) {
      if (!(error instanceof TradedbError) || error.code !== 'config_invalid') throw error;
      const problems = (error.details?.problems as readonly string[] | undefined) ?? [error.message];
      findings.push(...problems.map((message): Finding => ({ id: 'config.invalid', severity: 'critical', message })));
    }
    return context.report(
      { file: path ?? null, valid: findings.every((finding) => finding.severity !== 'critical') },
      { findings },
    );
  },
});
