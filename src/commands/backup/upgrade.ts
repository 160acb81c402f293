import { defineCommand } from '../definition.ts';
import { openChosen, ownerOf, repositoryOption } from './repository-option.ts';

export interface BackupUpgradeData {
  readonly dryRun: boolean;
  readonly repository: { readonly name: string; readonly kind: string; readonly location: string };
  /** Features that the repository got, such as `record-macs`; empty when it has everything. */
  readonly added: readonly string[];
  /** Objects that were written anew. */
  readonly records: number;
}

export const definition = defineCommand({
  path: ['backup', 'upgrade'],
  summary: 'give a repository of an older release what new ones have',
  description:
    'An encrypted repository gets MACs on its marks, epochs and tombstones, so that nobody without the key can change them. Older releases refuse it afterwards. It needs the key, and no backup or archiver may be at work; one that was interrupted is simply run again.',
  options: { repository: repositoryOption },
  examples: [
    { command: 'backup upgrade --dry-run', does: 'what is missing' },
    { command: 'backup upgrade -R vault --yes', does: 'add it' },
  ],
  exitCodes: {
    0: 'upgraded, or nothing to do',
    10: 'no repository there',
    11: 'a backup or an archiver is at work',
    12: 'a record is damaged; nothing was changed',
  },
  changes: true,
  asks: true,
  async run({ options }, context) {
    const repository = await openChosen(context, options.repository);
    const { upgradeRepository } = await import('../../core/backup/repository/upgrade.ts');
    const request = { repository, owner: ownerOf(context), leases: context.config.backup.leases };
    let upgraded = await upgradeRepository({ ...request, dryRun: true }, context);
    if (!context.dryRun && upgraded.added.length > 0) {
      await context.confirm(`Older releases cannot read ${repository.storage.location} afterwards. Upgrade it?`);
      upgraded = await upgradeRepository({ ...request, dryRun: false }, context);
    }
    const { kind, location } = repository.storage;
    return context.report<BackupUpgradeData>({
      dryRun: context.dryRun,
      repository: { name: repository.name, kind, location },
      ...upgraded,
    });
  },
});
