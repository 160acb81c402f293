"""Writes every statement of a sqlite3 connection to a capture file for `tradedb analyze`.

    connection = sqlite3.connect("trading.db", factory=capturing("capture-%d.jsonl" % os.getpid()))

The file holds the values of your statements: it is made readable for you alone.
"""
import base64
import json
import os
import sqlite3
import time

PRAGMAS = ["synchronous", "journal_mode", "foreign_keys", "busy_timeout", "cache_size", "mmap_size", "temp_store",
           "locking_mode", "wal_autocheckpoint"]


def _pack(value):
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"$int": str(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$blob": base64.b64encode(bytes(value)).decode()}
    return {"$text": str(value)}


def _packed(parameters):
    if isinstance(parameters, dict):
        return {name: _pack(value) for name, value in parameters.items()}
    return [_pack(value) for value in parameters]


def capturing(path):
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def line(entry):
        os.write(log, (json.dumps(entry) + "\n").encode())

    class Cursor(sqlite3.Cursor):
        def execute(self, sql, parameters=()):
            started = time.perf_counter()
            try:
                return super().execute(sql, parameters)
            finally:
                line({"sql": sql, "params": _packed(parameters), "ms": (time.perf_counter() - started) * 1000})

        def executemany(self, sql, rows):
            rows = list(rows)
            for parameters in rows:
                line({"sql": sql, "params": _packed(parameters)})
            return super().executemany(sql, rows)

    class Connection(sqlite3.Connection):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            plain = sqlite3.Connection.cursor(self)
            version, stat4 = plain.execute(
                "SELECT sqlite_version(), sqlite_compileoption_used('ENABLE_STAT4')").fetchone()
            pragmas = {}
            for name in PRAGMAS:
                row = plain.execute("PRAGMA " + name).fetchone()
                if row is not None:
                    pragmas[name] = str(row[0])
            line({"tradedbCapture": 1, "engine": "python-sqlite3", "sqliteVersion": version, "stat4": stat4 == 1,
                  "pragmas": pragmas})

        def cursor(self, factory=Cursor):
            return super().cursor(factory)

        # Connection.execute is written in C and does not come along cursor().
        def execute(self, sql, parameters=()):
            return self.cursor().execute(sql, parameters)

        def executemany(self, sql, rows):
            return self.cursor().executemany(sql, rows)

    return Connection
