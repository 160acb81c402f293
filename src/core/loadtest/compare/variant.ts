import { TradedbError } from '../../error.ts';
import { type PragmaSetting, parsePragma } from '../plan.ts';

/** One side of a comparison: only what is named here may differ between the two. */
export interface Variant {
  readonly label: string;
  readonly durability?: 'full' | 'normal';
  readonly groupSize?: number;
  readonly pragmas: readonly PragmaSetting[];
  /** Built-in name or file. */
  readonly scenario?: string;
  /** Another database to start from. */
  readonly base?: string;
  /** Another version of tradedb: its folder, or its launcher. */
  readonly program?: string;
}

export type VariantSettings = Readonly<Record<string, string>>;

const hint =
  'keys are durability, group, scenario, base, program and pragma.<name>, such as: durability=normal,pragma.cache_size=-65536';

/** `key=value,...`; the empty text, or `default`, is the configuration as it is. */
export function parseVariant(text: string): VariantSettings {
  if (text === '' || text === 'default') return {};
  const settings: Record<string, string> = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    if (at <= 0)
      throw new TradedbError('usage', `${JSON.stringify(part)} of variant ${JSON.stringify(text)} is no key=value`, {
        hint,
      });
    settings[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return settings;
}

/** Checks the keys and values of a variant, wherever they come from. */
export function readVariant(label: string, settings: VariantSettings): Variant {
  const pragmas: PragmaSetting[] = [];
  let variant: Omit<Variant, 'pragmas'> = { label };
  for (const [key, value] of Object.entries(settings)) {
    if (key.startsWith('pragma.')) pragmas.push(parsePragma(`${key.slice('pragma.'.length)}=${value}`));
    else if (key === 'durability' && (value === 'full' || value === 'normal'))
      variant = { ...variant, durability: value };
    else if (key === 'group' && /^[1-9]\d{0,4}$/.test(value)) variant = { ...variant, groupSize: Number(value) };
    else if (key === 'scenario' && value !== '') variant = { ...variant, scenario: value };
    else if (key === 'base' && value !== '') variant = { ...variant, base: value };
    else if (key === 'program' && value !== '') variant = { ...variant, program: value };
    else throw new TradedbError('usage', `variant ${JSON.stringify(label)}: ${key}=${value} is not possible`, { hint });
  }
  return { ...variant, pragmas };
}

/** Keys that are not the same on both sides. */
export function differingKeys(a: VariantSettings, b: VariantSettings): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => a[key] !== b[key]).sort();
}
