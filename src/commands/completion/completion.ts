import { TradedbError } from '../../core/error.ts';
import { defineCommand } from '../definition.ts';

const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;

export const definition = defineCommand({
  path: ['completion'],
  summary: 'print a completion script for the shell',
  description:
    'Completes commands, options, their values and file names. The script asks tradedb itself, so it stays right after an upgrade.',
  arguments: [{ name: 'shell', summary: `one of ${shells.join(', ')}`, required: true }],
  options: {},
  examples: [
    { command: 'completion bash > ~/.local/share/bash-completion/completions/tradedb', does: 'bash' },
    { command: 'completion zsh > ~/.zfunc/_tradedb', does: 'zsh, with ~/.zfunc in fpath' },
    { command: 'completion fish > ~/.config/fish/completions/tradedb.fish', does: 'fish' },
    { command: 'completion powershell >> $PROFILE', does: 'PowerShell' },
  ],
  exitCodes: { 0: 'printed' },
  ignoresConfig: true,
  async run({ arguments: [shell] }, context) {
    const known = shells.find((name) => name === shell);
    if (known === undefined)
      throw new TradedbError('usage', `completion takes one of ${shells.join(', ')}, not ${JSON.stringify(shell)}`);
    return context.report({ shell: known, script: await context.completionScript(known) });
  },
});
