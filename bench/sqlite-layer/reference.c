/* The reference transaction and the point read, straight on SQLite. argv: write|read, database, milliseconds, first k.
   Prints operations, wall milliseconds, CPU milliseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "sqlite3.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static sqlite3 *db;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
  exit(1);
}

static sqlite3_stmt *prepare(const char *sql) {
  sqlite3_stmt *s;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, 0) != SQLITE_OK) fail(sql);
  return s;
}

static void done(sqlite3_stmt *s) {
  if (sqlite3_step(s) != SQLITE_DONE) fail(sqlite3_sql(s));
  sqlite3_reset(s);
}

static long long checksum;

static void readOne(sqlite3_stmt *s, long long k) {
  sqlite3_bind_int64(s, 1, 1 + (k * 7919) % 200000);
  if (sqlite3_step(s) != SQLITE_ROW) fail("read");
  for (int c = 0; c < sqlite3_column_count(s); c++) {
    if (sqlite3_column_type(s, c) == SQLITE_INTEGER) checksum += sqlite3_column_int64(s, c);
    else checksum += strlen((const char *)sqlite3_column_text(s, c));
  }
  sqlite3_reset(s);
}

int main(int argc, char **argv) {
  int writing = !strcmp(argv[1], "write");
  double ms = atof(argv[3]);
  long long k = atoll(argv[4]), operations = 0;
  if (sqlite3_open(argv[2], &db) != SQLITE_OK) fail("open");
  sqlite3_exec(db, "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=10000", 0, 0, 0);
  sqlite3_stmt *read = prepare("SELECT * FROM orders WHERE id = ?");
  sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
  sqlite3_stmt *order = prepare("INSERT INTO orders (client_id, account_id, instrument_id, side, price, qty, status, created_us) VALUES (?, ?, ?, ?, ?, ?, 1, ?)");
  sqlite3_stmt *position = prepare("UPDATE positions SET qty = qty + ?, cost = cost + ? WHERE account_id = ? AND instrument_id = ?");
  sqlite3_stmt *fill = prepare("INSERT INTO fills (order_id, venue_id, price, qty, exec_us) VALUES (?, ?, ?, ?, ?)");
  /* The cache is as warm as that of the others, which live on between their slices. */
  for (long long i = 0; i < 50000; i++) readOne(read, i);
  char client[32], venue[32];
  double start = now(), used = cpu();
  while (now() - start < ms) {
    for (int i = 0; i < 100; i++, k++, operations++) {
      if (!writing) {
        readOne(read, k);
        continue;
      }
      long long account = 1 + (k * 7919) % 200, instrument = 1 + (k * 104729) % 100, price = 10000 + k % 500;
      done(begin);
      sqlite3_bind_text(order, 1, client, snprintf(client, sizeof client, "c%lld", k), SQLITE_TRANSIENT);
      sqlite3_bind_int64(order, 2, account);
      sqlite3_bind_int64(order, 3, instrument);
      sqlite3_bind_int64(order, 4, k % 2 ? 1 : -1);
      sqlite3_bind_int64(order, 5, price);
      sqlite3_bind_int64(order, 6, 10);
      sqlite3_bind_int64(order, 7, 1700000000000000LL + k);
      done(order);
      long long id = sqlite3_last_insert_rowid(db);
      sqlite3_bind_int64(position, 1, 10);
      sqlite3_bind_int64(position, 2, price * 10);
      sqlite3_bind_int64(position, 3, account);
      sqlite3_bind_int64(position, 4, instrument);
      done(position);
      sqlite3_bind_int64(fill, 1, id);
      sqlite3_bind_text(fill, 2, venue, snprintf(venue, sizeof venue, "v%lld", k), SQLITE_TRANSIENT);
      sqlite3_bind_int64(fill, 3, price);
      sqlite3_bind_int64(fill, 4, 10);
      sqlite3_bind_int64(fill, 5, 1700000000000000LL + k);
      done(fill);
      done(commit);
    }
  }
  double wall = now() - start, spent = cpu() - used;
  printf("%lld %f %f\n", operations, wall, spent);
  if (checksum == 42) puts("");
  return 0;
}
