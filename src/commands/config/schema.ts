import { defineCommand } from '../definition.ts';

export const definition = defineCommand({
  path: ['config', 'schema'],
  summary: 'print the JSON Schema of the configuration, for editors',
  options: {},
  examples: [
    {
      command: 'config schema -o tradedb.schema.json',
      does: 'write it; then set "$schema": "./tradedb.schema.json" in the configuration',
    },
  ],
  exitCodes: { 0: 'printed' },
  ignoresConfig: true,
  async run(_input, context) {
    const { configJsonSchema } = await import('../../core/config/json-schema.ts');
    return context.report({ schema: configJsonSchema() });
  },
});
