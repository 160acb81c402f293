/*
 * vm_steps(): the steps of SQLite's machine that the statements of this connection have taken so far.
 * pages_touched(): how often it has asked its cache for a page.
 */
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

static void vm_steps(sqlite3_context *context, int count, sqlite3_value **values) {
  sqlite3 *db = sqlite3_context_db_handle(context);
  sqlite3_int64 sum = 0;
  (void)count;
  (void)values;
  for (sqlite3_stmt *one = sqlite3_next_stmt(db, 0); one != 0; one = sqlite3_next_stmt(db, one))
    sum += sqlite3_stmt_status(one, SQLITE_STMTSTATUS_VM_STEP, 0);
  sqlite3_result_int64(context, sum);
}

static void pages_touched(sqlite3_context *context, int count, sqlite3_value **values) {
  sqlite3 *db = sqlite3_context_db_handle(context);
  int hits = 0, misses = 0, unused = 0;
  (void)count;
  (void)values;
  sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &unused, 0);
  sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &unused, 0);
  sqlite3_result_int64(context, (sqlite3_int64)hits + misses);
}

int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  SQLITE_EXTENSION_INIT2(api);
  (void)error;
  int code = sqlite3_create_function(db, "vm_steps", 0, SQLITE_UTF8, 0, vm_steps, 0, 0);
  return code != SQLITE_OK ? code : sqlite3_create_function(db, "pages_touched", 0, SQLITE_UTF8, 0, pages_touched, 0, 0);
}
