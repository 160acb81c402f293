import { bytes, choice, duration, integer, optionalText, section } from '../value.ts';

export const databaseSection = section(
  {
    path: optionalText('The SQLite file; relative paths start at the configuration file'),
    pageSize: bytes('4096B', 'Page size of a database that tradedb creates: a power of two from 512B to 65536B'),
  },
  'The database that the commands work on',
);

export const connectionSection = section(
  {
    durability: choice(
      ['full', 'normal'],
      'full',
      'full: an acknowledged commit survives power loss; normal: the last ones may not',
    ),
    busyTimeout: duration('5s', 'How long a call waits for a lock of another process'),
    cacheSize: bytes('16MiB', 'Page cache of one connection'),
    mmapSize: bytes('0B', 'Memory-mapped part of the file; 0B turns it off'),
    statementCacheSize: integer(256, 1, 100_000, 'Prepared statements kept per connection'),
    readMaxAge: duration('1s', 'A read snapshot older than this is reported, and refused at ten times this age'),
    checkpoint: section(
      {
        ceilingPages: integer(
          10_000,
          100,
          10_000_000,
          'WAL pages after which a COMMIT may run a checkpoint (wal_autocheckpoint)',
        ),
        idle: duration('5ms', 'Idle time after which a passive checkpoint runs'),
        minCommits: integer(200, 1, 1_000_000, 'Commits since the last checkpoint that make an idle one worthwhile'),
        walLimit: bytes('64MiB', 'Size of the -wal file above which it is truncated when no own reader is active'),
      },
      'Checkpoints of the library connection',
    ),
    groupCommit: section(
      {
        maxOperations: integer(1, 1, 100_000, 'Operations per commit of enqueue(); 1 turns grouping off'),
        maxDelay: duration('0ms', 'Longest wait of the first operation of a group'),
        maxQueued: integer(10_000, 1, 10_000_000, 'Operations that may wait; one more is refused'),
      },
      'Several operations in one commit',
    ),
    backgroundReaders: section(
      {
        size: integer(2, 1, 8, 'Reader threads for long queries'),
        maxQueued: integer(64, 0, 100_000, 'Queries that may wait; one more is refused'),
        queueTimeout: duration('10s', 'Longest wait in the queue'),
        deadline: duration('30s', 'Longest run of one query'),
      },
      'Pool of readers for long queries',
    ),
    resultCache: section(
      {
        entries: integer(1000, 0, 1_000_000, 'Results kept for queries that ask for the cache'),
        bytes: bytes('16MiB', 'Memory of the result cache'),
      },
      'Opt-in cache of query results',
    ),
  },
  'Pragma profile and caches of the connections that tradedb and engines open',
);
