import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { Repository } from '../../core/backup/repository/repository.ts';
import { TradedbError } from '../../core/error.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { databaseIdIfAny, openChosen, recordFindings, repositoryOption } from './repository-option.ts';
import type { BackupShowData } from './show-data.ts';

export const definition = defineCommand({
  path: ['backup', 'show'],
  summary: 'show everything that is known of one backup, mark, epoch or commit',
  description:
    'What the list names can be shown: a backup, a mark, an epoch of the archive of commits, and commits of an epoch (812@5d21, 800-812@5d21).',
  arguments: [
    {
      name: 'what',
      summary: 'backup (the four characters at its end are enough), mark, epoch, or commits',
      required: true,
    },
  ],
  options: { repository: repositoryOption },
  examples: [
    {
      command: 'backup show 20260314T0200Z-7f3k',
      does: 'its manifest, what it builds on, why it is kept, its objects',
    },
    { command: 'backup show pre-open', does: 'a mark, and what a restore of it reads' },
    { command: 'backup show 5d21', does: 'an epoch: what it builds on, the gap before it, its segments' },
    { command: 'backup show 800-812@5d21', does: 'commits with their times and sizes' },
  ],
  exitCodes: {
    0: 'shown',
    3: 'shown, and another record of the repository is damaged',
    10: 'there is no such thing',
    12: 'its manifest is damaged',
  },
  async run(input, context) {
    const repository = await openChosen(context, input.options.repository);
    const { points, damaged } = await repository.points();
    const word = input.arguments[0] ?? '';
    const matches = (id: string): boolean => id === word || id.endsWith(`-${word}`);
    const found = [
      ...points
        .filter((point) => matches(point.id))
        .map((point) => ({ name: `backup ${point.id}`, show: () => showPoint(repository, point, points, context) })),
      ...(await inArchives(repository, { word, points }, context)),
    ];
    const [only] = found;
    if (only === undefined) {
      const broken = damaged.find((one) => matches(one.id));
      if (broken !== undefined) throw broken.error;
      throw new TradedbError('backup_not_found', `there is no backup, mark or epoch ${JSON.stringify(word)}`, {
        hint: 'see: tradedb backup list --all',
      });
    }
    if (found.length > 1) {
      const names = found.map(({ name }) => name).join(', ');
      throw new TradedbError('backup_not_found', `${JSON.stringify(word)} means several things: ${names}`, {
        hint: 'give the whole id, or the database with -d',
      });
    }
    return context.report<BackupShowData>(await only.show(), { findings: recordFindings(repository) });
  },
});

async function showPoint(
  repository: Repository,
  point: Manifest,
  points: readonly Manifest[],
  context: CommandContext,
): Promise<BackupShowData> {
  const { showBackup } = await import('./show-backup.ts');
  return showBackup(repository, point, points, context);
}

interface Found {
  readonly name: string;
  readonly show: () => Promise<BackupShowData>;
}

const mostCommits = 10_000;

/** What the word means among the marks and epochs of the database, or of all when none is configured. */
async function inArchives(
  repository: Repository,
  { word, points }: { readonly word: string; readonly points: readonly Manifest[] },
  context: CommandContext,
): Promise<readonly Found[]> {
  const { readMarks } = await import('../../core/backup/mark.ts');
  const { readEpochs } = await import('../../core/backup/wal-archive/epoch.ts');
  const archive = await import('./show-archive.ts');
  const databaseId = await databaseIdIfAny(context);
  const labels = new Map(points.map((point) => [point.database.id, point.database.label]));
  const known = databaseId === undefined ? [...labels.keys()] : [databaseId];
  const wanted = parseCommits(word);
  const found: Found[] = [];
  for (const id of known) {
    const label = labels.get(id) ?? id;
    const place = { repository, databaseId: id, label };
    const epochs = await readEpochs(repository, id);
    const mark = (await readMarks(repository, id)).find(({ name }) => name === word);
    if (mark !== undefined) {
      const epoch = epochs.find((one) => one.id === mark.epoch);
      found.push({ name: `mark ${word} of ${label}`, show: () => archive.showMark(place, mark, epoch) });
    }
    for (const epoch of epochs.filter((one) => wanted !== undefined && one.id.startsWith(wanted.epoch))) {
      const range = wanted?.range;
      const show = () =>
        range === undefined ? archive.showEpoch(place, epoch) : archive.showCommits(place, epoch, range);
      found.push({ name: `epoch ${epoch.id} of ${label}`, show });
    }
  }
  return found;
}

/** `5d21`, `812@5d21`, `800-812@5d21`; undefined for anything else. */
function parseCommits(
  word: string,
): { readonly epoch: string; readonly range: { readonly from: number; readonly to: number } | undefined } | undefined {
  const match = /^(?:(\d{1,15})(?:-(\d{1,15}))?@)?([0-9a-f]{4,8})$/.exec(word);
  if (match === null) return undefined;
  const [, first, last, epoch = ''] = match;
  if (first === undefined) return { epoch, range: undefined };
  const range = { from: Number(first), to: Number(last ?? first) };
  if (range.to < range.from || range.to - range.from >= mostCommits) {
    throw new TradedbError('usage', `${JSON.stringify(word)} is no range of commits`, {
      hint: `the smaller number first, at most ${mostCommits} commits: 800-812@${epoch}`,
    });
  }
  return { epoch, range };
}
