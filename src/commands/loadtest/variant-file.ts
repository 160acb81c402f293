import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fromFileSystem, TradedbError } from '../../core/error.ts';
import { type BaselineEnvironment, baselineEnvironment } from '../../core/loadtest/compare/baseline-environment.ts';
import type { CompareData } from '../../core/loadtest/compare/run-compare.ts';
import { parseVariant, readVariant, type Variant, type VariantSettings } from '../../core/loadtest/compare/variant.ts';
import type { CommandContext } from '../definition.ts';

/** The sides of a comparison as the operator gives them: a configured name, key=value pairs, a file. */

export interface Side {
  readonly label: string;
  readonly settings: VariantSettings;
  readonly variant: Variant;
}

export interface Baseline {
  readonly side: Side;
  readonly seed: number;
  readonly clients: number | undefined;
  readonly environment: BaselineEnvironment;
}

export function readSide(text: string, context: CommandContext): Side {
  const configured = context.config.loadtest.variants[text];
  const settings =
    configured !== undefined
      ? asSettings(configured, `loadtest.variants.${text}`)
      : text.endsWith('.json')
        ? asSettings(readJson(context.resolve(text)), text)
        : parseVariant(text);
  const label = text.endsWith('.json') ? basename(text, '.json') : text === '' ? 'default' : text;
  return { label, settings, variant: readVariant(label, settings) };
}

/** The side as another version of tradedb runs it. */
export function withProgram(side: Side, program: string): Side {
  const settings = { ...side.settings, program };
  return { label: side.label, settings, variant: readVariant(side.label, settings) };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new TradedbError('usage', `${JSON.stringify(path)} is no JSON: ${error.message}`);
    throw fromFileSystem(error, path);
  }
}

function asSettings(value: unknown, where: string): VariantSettings {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TradedbError('usage', `${JSON.stringify(where)} is no object of settings`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, setting]) => [key, String(setting)]));
}

const baselineKind = 'tradedb-loadtest-baseline';

export function writeBaseline(path: string, data: CompareData, clients: number | undefined): void {
  const [, b] = data.variants;
  const stored = {
    kind: baselineKind,
    label: b?.label ?? 'default',
    settings: b?.settings ?? {},
    seed: data.seed,
    clients: clients ?? null,
    metrics: data.metrics.map(({ name, medianB }) => ({ name, median: medianB })),
    environment: baselineEnvironment(data.environment),
  };
  try {
    writeFileSync(path, `${JSON.stringify(stored, null, 2)}\n`);
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

export function readBaseline(path: string): Baseline {
  const stored = readJson(path) as Partial<Record<string, unknown>> | null;
  const environment = stored?.environment;
  if (
    stored?.kind !== baselineKind ||
    typeof stored.label !== 'string' ||
    typeof stored.seed !== 'number' ||
    typeof environment !== 'object' ||
    environment === null
  ) {
    throw new TradedbError('usage', `${JSON.stringify(path)} is no baseline`, {
      hint: 'make one with: tradedb loadtest compare ... --save-baseline <file>',
    });
  }
  const settings = asSettings(stored.settings, path);
  const label = `${stored.label} (baseline)`;
  return {
    side: { label, settings, variant: readVariant(label, settings) },
    seed: stored.seed,
    clients: typeof stored.clients === 'number' ? stored.clients : undefined,
    environment: environment as BaselineEnvironment,
  };
}
