import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/core/config/load.ts';
import { tradedb } from '../support/cli.ts';
import { callsIn, type DocumentedCommand, documentedCommands } from '../support/documented-commands.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Hand-written documents; those of docs/cli are generated from the definitions, decisions tell of the past. */
const documents = globSync('{README.md,docs/*.md,docs/guides/*.md,docs/formats/*.md}').map((path) =>
  path.replaceAll('\\', '/'),
);

async function problemOf(words: readonly string[]): Promise<string | undefined> {
  try {
    await parseCommandLine(words, () => undefined);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    // A placeholder where one of several words belongs.
    return / takes one of .*, not "<[\w -]+>"$/.test(message) ? undefined : `tradedb ${words.join(' ')}: ${message}`;
  }
}

describe('the commands of the documents', () => {
  it('are commands with options that exist', async () => {
    const commands = documents.flatMap(documentedCommands);
    expect(commands.length).toBeGreaterThan(150);
    const problems = await Promise.all(
      commands.map(async ({ where, words }) => [where, await problemOf(words)] as const),
    );
    expect(problems.filter(([, problem]) => problem !== undefined)).toEqual([]);
  });

  it('would be found wrong', async () => {
    const wrong = [
      'tradedb backup crate',
      'cd x && TRADEDB_FORMAT=json tradedb health --teir daily | jq .',
      'tradedb restore run --check thorough',
      "0 3 * * * tradedb backup verify --level 'nine'",
      'docker run --rm tradedb:0.1.0 monitor --no-such',
    ];
    for (const line of wrong) {
      const calls = callsIn(line);
      expect(calls, line).toHaveLength(1);
      expect(await problemOf(calls[0] ?? []), line).toBeTypeOf('string');
    }
    expect(callsIn("tradedb analyze -w 'a b.sql' # tradedb nothing")).toEqual([['analyze', '-w', 'a b.sql']]);
    expect(callsIn('tradedb backup show <id> > out.json')).toEqual([['backup', 'show', '<id>']]);
    expect(callsIn('docker build -t tradedb:0.1.0 .')).toEqual([]);
  });

  it('give configurations that are valid', async () => {
    const folder = temporaryFolder('configuration of a document ');
    const problems: string[] = [];
    let count = 0;
    for (const path of documents) {
      for (const [, json = ''] of readFileSync(path, 'utf8').matchAll(/^```json\n([\s\S]+?)^```/gm)) {
        if (!/^\s*\{\s*"(database|backup|health|alerts|monitor|schedules|maintenance|healing)"/.test(json)) continue;
        count += 1;
        const file = join(folder, 'tradedb.config.json');
        writeFileSync(file, json.replace(/age1<[^>]+>|age1\.\.\./g, recipient));
        try {
          await loadConfig({ path: file, folder, environment: () => undefined });
        } catch (error) {
          problems.push(`${path}: ${(error as Error).message}\n${json}`);
        }
      }
    }
    expect(count).toBeGreaterThan(8);
    expect(problems).toEqual([]);
  });
});

const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

/** These go on until they are stopped. */
function isLive(words: readonly string[]): boolean {
  const command = words.filter((word) => !word.startsWith('-')).slice(0, 2);
  return command[0] === 'monitor' && !words.includes('--once') && command[1] !== 'sample' && command[1] !== 'alerts';
}

/** What has to be in the folder of an executed block, by the name in its comment. */
const preparations: Readonly<Record<string, (folder: string, document: string) => Promise<void>>> = {
  // A bot's file, with the configuration that the document itself gives.
  bot: async (folder, document) => {
    const made = spawnSync(process.execPath, ['test/support/bot-database.mjs', join(folder, 'tradesv3.sqlite')]);
    expect(made.status, String(made.stderr)).toBe(0);
    const json = /^```json\n([\s\S]+?)^```/m.exec(readFileSync(document, 'utf8'))?.[1];
    writeFileSync(join(folder, 'tradedb.config.json'), json ?? '{ "database": { "path": "tradesv3.sqlite" } }');
  },
  // The trading schema with a small market, and one backup.
  sample: async (folder) => {
    await succeed(['init', '--sample', '--orders', '200', '--days', '3', '--seed', '1', '--yes'], folder);
    await succeed(['backup', 'create'], folder);
  },
};

async function succeed(words: readonly string[], folder: string): Promise<void> {
  const result = await tradedb(words, { cwd: folder, timeoutMs: 120_000 });
  // 3 is "done with warnings": a bot without a backup has one.
  expect([0, 3], `tradedb ${words.join(' ')}\n${result.stdout}${result.stderr}`).toContain(result.code);
}

describe('the executed blocks', () => {
  const blocks = documents
    .map((path) => [path, documentedCommands(path).filter(({ executedWith }) => executedWith !== undefined)] as const)
    .filter(([, commands]) => commands.length > 0);

  it('are there', () => {
    expect(blocks.map(([path]) => path).toSorted()).toEqual([
      'README.md',
      'docs/guides/disaster-recovery.md',
      'docs/guides/existing-bot.md',
      'docs/guides/upgrading.md',
    ]);
  });

  it.each(blocks)('of %s succeed in their order', { timeout: 300_000 }, async (path, commands) => {
    const folder = temporaryFolder('executed document ');
    const preparation = (commands[0] as DocumentedCommand).executedWith ?? '';
    expect(Object.keys(preparations)).toContain(preparation);
    await preparations[preparation]?.(folder, path);
    for (const { words } of commands.filter((command) => !isLive(command.words))) await succeed(words, folder);
  });
});

// The parser of YAML that knip brings along; a dependency of our own for one test would not be worth it.
const yaml = createRequire(createRequire(import.meta.url).resolve('knip'))('yaml') as {
  parseAllDocuments(text: string): { errors: Error[]; toJS(): unknown }[];
};

interface Container {
  readonly image: string;
  readonly args?: readonly string[];
}

describe('the manifests', () => {
  const files = globSync('examples/kubernetes/*.yaml');
  const objects = files.flatMap((path) =>
    yaml.parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
      expect(document.errors, path).toEqual([]);
      return document.toJS() as { kind: string; data?: Readonly<Record<string, string>> };
    }),
  );

  it('are valid YAML with command lines that exist', async () => {
    expect(objects.map(({ kind }) => kind).toSorted()).toEqual(['ConfigMap', 'CronJob', 'CronJob', 'StatefulSet']);
    const own = containersIn(objects).filter(({ image }) => image.startsWith('tradedb:'));
    expect(own).toHaveLength(4);
    for (const { args } of own) expect(await problemOf(args ?? [])).toBeUndefined();
  });

  it('in documents are valid YAML too', () => {
    const blocks = documents.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/^```yaml\n([\s\S]+?)^```/gm)].map(
        ([, text = '']) => [path, text] as const,
      ),
    );
    expect(blocks.length).toBeGreaterThan(0);
    for (const [path, text] of blocks)
      expect(
        yaml.parseAllDocuments(text).flatMap(({ errors }) => errors),
        path,
      ).toEqual([]);
  });

  it('carry a configuration that is valid', async () => {
    const folder = temporaryFolder('manifest ');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'tradedb.config.json');
    const text = objects.find(({ data }) => data !== undefined)?.data?.['tradedb.config.json'];
    writeFileSync(path, text ?? '');
    const { config } = await loadConfig({ path, folder, environment: () => undefined });
    expect(config.database.path).toBe('/data/trading.db');
  });

  it('of the container file copies only what is there, on a Node that is new enough', () => {
    const text = readFileSync('examples/container/Containerfile', 'utf8');
    const copied = [...text.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, list = '']) =>
      list.split(' ').slice(0, -1),
    );
    expect(copied.length).toBeGreaterThan(8);
    for (const path of copied) expect(globSync(path), path).toHaveLength(1);
    for (const [, major] of text.matchAll(/^FROM node:(\d+)/gm)) expect(Number(major)).toBeGreaterThan(22);
  });
});

function containersIn(value: unknown): Container[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'image' in value ? [value as Container] : [];
  return [...own, ...Object.values(value).flatMap(containersIn)];
}
