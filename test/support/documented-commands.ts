import { readFileSync } from 'node:fs';

/** One call of tradedb as a document shows it. */
export interface DocumentedCommand {
  readonly where: string;
  /** The words behind `tradedb`, as a shell would pass them on. */
  readonly words: readonly string[];
  /** What prepares the folder in which it is executed; undefined: it is only parsed. */
  readonly executedWith: string | undefined;
}

/** Every call in blocks of `sh` and `yaml`, behind a prompt, in ExecStart lines, and in code between backticks. */
export function documentedCommands(path: string): readonly DocumentedCommand[] {
  const found: DocumentedCommand[] = [];
  let fence: string | undefined;
  let executedWith: string | undefined;
  let pending = '';
  readFileSync(path, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      const where = `${path}:${index + 1}`;
      const opening = /^```(\w*)/.exec(line);
      if (opening !== null) {
        if (fence !== undefined) executedWith = undefined;
        fence = fence === undefined ? (opening[1] ?? '') : undefined;
        return;
      }
      if (fence === undefined) {
        executedWith = /^<!-- executed: (\w+) -->$/.exec(line)?.[1] ?? executedWith;
        for (const words of inlineCalls(line)) found.push({ where, words, executedWith: undefined });
        return;
      }
      pending += line;
      if (pending.endsWith('\\')) {
        pending = pending.slice(0, -1);
        return;
      }
      const shell = shellPart(pending, fence);
      pending = '';
      for (const words of shell === undefined ? [] : callsIn(shell)) found.push({ where, words, executedWith });
    });
  return found;
}

function inlineCalls(line: string): (readonly string[])[] {
  return (
    [...line.matchAll(/`(tradedb [^`]+)`/g)]
      .map(([, code = '']) => code)
      .filter((code) => !code.includes('...') && !code.startsWith('tradedb <'))
      .flatMap(callsIn)
      // The bare name of a group in a sentence means the group.
      .map((words) => (words.length === 1 ? [...words, '--help'] : words))
  );
}

/** What a shell, or systemd, would run of a line in a block. */
function shellPart(line: string, language: string): string | undefined {
  if (language === 'sh') return line;
  if (language === 'yaml') return /^\s*- run: (.+)$/.exec(line)?.[1];
  return /^\$ (.+)$/.exec(line)?.[1] ?? /^ExecStart=(.+)$/.exec(line)?.[1];
}

/** The words of each call of tradedb in a line of shell. */
export function callsIn(line: string): (readonly string[])[] {
  return splitShell(line).flatMap((words) => {
    const at = words.findIndex((word) => /^tradedb$|\/tradedb\.js$/.test(word));
    if (at >= 0) return [words.slice(at + 1)];
    const image = words[0] === 'docker' && words[1] === 'run' ? words.findIndex((w) => /^tradedb:/.test(w)) : -1;
    return image < 0 ? [] : [words.slice(image + 1)];
  });
}

/** Enough of a POSIX shell for documents: quotes, escapes, comments, lists, pipes, redirections, `<placeholders>`. */
function splitShell(line: string): string[][] {
  const commands: string[][] = [[]];
  const token =
    /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|<[\w .-]+>|&&|\|\||[|;()]|\d?[<>]{1,2}\s*\S+|[^\s'"\\|;&()<>]+|./gy;
  let word: string | undefined;
  const end = (): void => {
    if (word !== undefined) commands.at(-1)?.push(word);
    word = undefined;
  };
  for (const [text, single, double, escaped] of line.matchAll(token)) {
    if (word === undefined && text.startsWith('#')) break;
    if (/^\s/.test(text)) end();
    else if (/^(&&|\|\||[|;()])$/.test(text)) {
      end();
      commands.push([]);
    } else if (/^\d?[<>]/.test(text) && !/^<[\w .-]+>$/.test(text)) end();
    else word = (word ?? '') + (single ?? double ?? escaped ?? text);
  }
  end();
  return commands;
}
