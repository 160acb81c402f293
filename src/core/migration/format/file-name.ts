import { isVersion, type Version } from '../version.ts';

/** What the name of a migration file says. */
export interface FileName {
  /**
   * `whole`: both directions in one file; `up` and `down`: a pair; `repeatable`: runs again when it has changed;
   * `program`: JavaScript or TypeScript.
   */
  readonly role: 'whole' | 'up' | 'down' | 'repeatable' | 'program';
  readonly version: Version;
  readonly name: string;
  readonly flyway: boolean;
}

const pair = /^(\d+)(?:[_-](.*))?\.(up|down)\.sql$/;
const plain = /^(\d+)(?:[_-](.*))?\.sql$/;
const flyway = /^([VU])(\d+(?:[._]\d+)*)(?:__(.*))?\.sql$/;
const repeatable = /^R__(.+)\.sql$/;

/** Undefined for a name without a version. */
export function parseFileName(file: string): FileName | undefined {
  let match = pair.exec(file);
  if (match !== null)
    return {
      role: match[3] === 'up' ? 'up' : 'down',
      version: match[1] as string,
      name: match[2] ?? '',
      flyway: false,
    };
  match = plain.exec(file);
  if (match !== null) return { role: 'whole', version: match[1] as string, name: match[2] ?? '', flyway: false };
  match = flyway.exec(file);
  if (match !== null) {
    const version = (match[2] as string).replaceAll('_', '.');
    if (!isVersion(version)) return undefined;
    return { role: match[1] === 'V' ? 'up' : 'down', version, name: match[3] ?? '', flyway: true };
  }
  match = repeatable.exec(file);
  return match === null
    ? undefined
    : { role: 'repeatable', version: `R__${match[1]}`, name: match[1] as string, flyway: true };
}
