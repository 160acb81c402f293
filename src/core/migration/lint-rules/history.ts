import { hitAt, type LintHit, type LintRule, type LintTarget } from '../lint-rule.ts';
import { compareVersions } from '../version.ts';

/** Room for clocks that differ and for the numbers that follow one another within a second. */
const tolerance = 24 * 3600 * 1000;

/** Rules about versions. */
export const historyRules: readonly LintRule[] = [
  {
    code: 'M021',
    level: 'error',
    summary: 'version twice, or in the future',
    check: (target) => [...duplicates(target), ...fromTheFuture(target)],
  },
];

function duplicates({ migration, folder }: LintTarget): LintHit[] {
  const other = folder.find(
    (one) => one.file !== migration.file && compareVersions(one.version, migration.version) === 0,
  );
  return other === undefined
    ? []
    : [
        hitAt(
          undefined,
          `has the version of ${other.file}`,
          `tradedb migrate resolve ${migration.version} --renumber --file ${migration.file}`,
        ),
      ];
}

/** Only versions that are times can be compared with the clock. */
function fromTheFuture({ migration, now }: LintTarget): LintHit[] {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(migration.version);
  if (match === null) return [];
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (Date.UTC(year, month - 1, day, hour, minute, second) <= now + tolerance) return [];
  return [
    {
      ...hitAt(
        undefined,
        'has a version in the future: files written meanwhile will be late',
        'give it a version of today',
      ),
      level: 'warning',
    },
  ];
}
