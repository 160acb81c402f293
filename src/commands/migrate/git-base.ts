import { spawn } from 'node:child_process';
import { TradedbError } from '../../core/error.ts';

interface Entry {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** The files of a folder as they are in a commit, read with two runs of git. Nothing is checked out. */
export async function readFolderAt(directory: string, ref: string, signal: AbortSignal): Promise<Entry[]> {
  if (ref.startsWith('-'))
    throw new TradedbError('usage', `${JSON.stringify(ref)} is no git ref`, {
      hint: 'name a branch, a tag or a commit',
    });
  const tree = await git(directory, ['ls-tree', '-z', ref, './'], '', signal);
  const blobs = tree
    .toString('utf8')
    .split('\0')
    .flatMap((line) => {
      const [, id, path] = /^\d+ blob ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
      return id === undefined || path === undefined ? [] : [{ id, file: path.split('/').at(-1) ?? path }];
    });
  const contents = await git(directory, ['cat-file', '--batch'], blobs.map(({ id }) => `${id}\n`).join(''), signal);
  return splitBatch(contents, blobs);
}

/** Each object comes as a line `<id> blob <size>`, its bytes and a line end. */
function splitBatch(contents: Buffer, blobs: readonly { readonly file: string }[]): Entry[] {
  let at = 0;
  return blobs.map(({ file }) => {
    const end = contents.indexOf('\n', at);
    const size = Number(contents.subarray(at, end).toString('utf8').split(' ')[2]);
    const bytes = contents.subarray(end + 1, end + 1 + size);
    at = end + 1 + size + 1;
    return { file, bytes };
  });
}

function git(directory: string, args: readonly string[], input: string, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', directory, ...args], { signal, stdio: ['pipe', 'pipe', 'pipe'] });
    const [output, errors]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', (error) => reject(refused(error.message, error)));
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(output));
      else reject(refused(Buffer.concat(errors).toString('utf8').trim().split('\n')[0] ?? ''));
    });
  });
}

function refused(reason: string, cause?: unknown): TradedbError {
  return new TradedbError('usage', `git cannot show the folder at the base: ${reason}`, {
    hint: 'the folder must be in a git repository that knows the ref given with --base',
    ...(cause === undefined ? {} : { cause }),
  });
}
