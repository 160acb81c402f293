import { defineCommand } from '../definition.ts';

export interface ConfigValue {
  readonly key: string;
  readonly value: unknown;
  readonly source: 'environment' | 'file' | 'default';
  readonly variable: string | null;
  readonly description: string;
}

export const definition = defineCommand({
  path: ['config', 'show'],
  summary: 'print every value with its source',
  arguments: [{ name: 'prefix', summary: 'only keys that begin with this, such as backup.retention' }],
  options: {
    changed: { type: 'flag', summary: 'only values that differ from the default' },
    effective: { type: 'flag', summary: 'also open the database read-only and print what a connection really has' },
  },
  examples: [
    { command: 'config show', does: 'everything' },
    { command: 'config show backup --changed', does: 'what this installation sets about backups' },
    {
      command: 'config show connection --effective -d trading.db',
      does: 'the profile, and the pragmas of a real connection',
    },
  ],
  exitCodes: { 0: 'printed', 10: 'the database does not exist', 12: 'not a database' },
  async run({ options, arguments: [prefix] }, context) {
    const { loadConfig } = await import('../../core/config/load.ts');
    const { listValues } = await import('../../core/config/list-values.ts');
    const loaded = loadConfig({
      path: context.configPath,
      folder: context.host.workingDirectory,
      environment: context.host.environment,
    });
    const values: readonly ConfigValue[] = listValues(loaded).filter(
      ({ key, source }) =>
        (prefix === undefined || key === prefix || key.startsWith(`${prefix}.`)) &&
        (!options.changed || source !== 'default'),
    );
    if (prefix !== undefined && values.length === 0 && !options.changed) {
      const { TradedbError } = await import('../../core/error.ts');
      throw new TradedbError('usage', `no key begins with ${JSON.stringify(prefix)}`, {
        hint: 'tradedb config show prints every key',
      });
    }
    let connection = null;
    if (options.effective) {
      const { openReadOnly } = await import('../../core/sqlite/connection.ts');
      const opened = openReadOnly(context.databasePath(), {
        ...context,
        busyTimeoutMs: context.config.connection.busyTimeout,
      });
      connection = opened.effectivePragmas();
      opened.close();
    }
    return context.report({ file: context.configPath ?? null, values, connection });
  },
});
