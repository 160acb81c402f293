import { invalid } from '../invalid.ts';
import type { MigrationOptions, ReplacedVersions } from '../migration.ts';
import { isVersion } from '../version.ts';

export type MarkerKind = 'up' | 'down' | 'verify';

export interface Marker {
  readonly kind: MarkerKind;
  readonly options: MigrationOptions;
  /** Version from which a verify section no longer holds. */
  readonly until: string | undefined;
}

export const defaultOptions: MigrationOptions = {
  transaction: true,
  foreignKeys: false,
  requires: [],
  irreversible: false,
  lintIgnore: [],
};

const allowed: Readonly<Record<MarkerKind, readonly string[]>> = {
  up: ['transaction', 'foreign-keys', 'requires', 'irreversible', 'lint-ignore', 'replaces'],
  down: ['transaction', 'foreign-keys'],
  verify: ['until'],
};

/** Parses `migrate:up transaction=false requires=12`; both `=` and `:` stand between a name and its value. */
export function parseMarker(comment: string, place: string): Marker | undefined {
  const match = /^--\s*migrate:([A-Za-z_-]+)(?=\s|$)(.*)$/.exec(comment);
  if (match === null) return undefined;
  // Not a section: it belongs to the statement below it.
  if (match[1] === 'table' || match[1] === 'data') return undefined;
  const kind = match[1] as MarkerKind;
  if (!(kind in allowed))
    throw invalid(
      `${place}: unknown marker "migrate:${kind}"`,
      'known are migrate:up, migrate:down and migrate:verify',
    );
  let options = defaultOptions;
  let until: string | undefined;
  for (const word of (match[2] ?? '').match(/(?:"[^"]*"|\S)+/g) ?? []) {
    const [, name = '', value] = /^([A-Za-z-]+)(?:[=:](.*))?$/.exec(word) ?? [];
    if (!allowed[kind].includes(name)) {
      throw invalid(
        `${place}: unknown option ${JSON.stringify(word)} of migrate:${kind}`,
        `known are ${allowed[kind].join(', ')}`,
      );
    }
    if (name === 'until') until = versionValue(value, word, place);
    else options = { ...options, ...optionValue(name, value, word, { options, place }) };
  }
  return { kind, options, until };
}

function optionValue(
  name: string,
  value: string | undefined,
  word: string,
  at: { options: MigrationOptions; place: string },
): Partial<MigrationOptions> {
  switch (name) {
    case 'transaction':
      if (value === 'true' || value === 'false') return { transaction: value === 'true' };
      throw invalid(`${at.place}: ${JSON.stringify(word)} is not understood`, 'write transaction=false');
    case 'foreign-keys':
      if (value === 'on' || value === 'off') return { foreignKeys: value === 'on' };
      throw invalid(`${at.place}: ${JSON.stringify(word)} is not understood`, 'write foreign-keys=on');
    case 'requires':
      return { requires: [...at.options.requires, versionValue(value, word, at.place)] };
    case 'replaces':
      return { replaces: replacedVersions(value, word, at.place) };
    case 'lint-ignore':
      return { lintIgnore: [...at.options.lintIgnore, ignoredRule(value, word, at.place)] };
    default:
      if (value === undefined) return { irreversible: true };
      throw invalid(`${at.place}: irreversible takes no value`, 'write it alone');
  }
}

/** `1..9,9`: from, to, and how many there are, so that a database with only some of them is noticed. */
function replacedVersions(value: string | undefined, word: string, place: string): ReplacedVersions {
  const [, first = '', last = '', counts = ''] = /^([\d.]+?)\.\.([\d.]+)((?:,[1-9]\d*)+)$/.exec(value ?? '') ?? [];
  if (isVersion(first) && isVersion(last)) return { first, last, counts: counts.slice(1).split(',').map(Number) };
  throw invalid(
    `${place}: ${JSON.stringify(word)} needs two versions and a number`,
    'leave the marker as migrate squash has written it: replaces=<first>..<last>,<count>',
  );
}

/** A rule is silenced only with a reason. */
function ignoredRule(value: string | undefined, word: string, place: string): { code: string; reason: string } {
  const [, code, reason] = /^"?(M\d{3}):([^"]*[^"\s][^"]*)"?$/.exec(value ?? '') ?? [];
  if (code !== undefined && reason !== undefined) return { code, reason };
  throw invalid(
    `${place}: ${JSON.stringify(word)} needs a rule and a reason`,
    'write it like lint-ignore="M011:small table"',
  );
}

function versionValue(value: string | undefined, word: string, place: string): string {
  if (value !== undefined && isVersion(value)) return value;
  throw invalid(`${place}: ${JSON.stringify(word)} needs a version`, 'write it like requires=20260301093000');
}
