import { freqtrade } from './freqtrade.ts';
import { hummingbot } from './hummingbot.ts';
import type { Profile } from './profile.ts';
import { vnpy } from './vnpy.ts';

export const profiles: readonly Profile[] = [freqtrade, hummingbot, vnpy];

/** The program whose tables these are; names in lower case. */
export function detectProfile(tables: ReadonlySet<string>): Profile | undefined {
  return profiles.find((profile) => profile.tables.every((table) => tables.has(table)));
}

export function profileNamed(name: string): Profile | undefined {
  return profiles.find((profile) => profile.name === name);
}
