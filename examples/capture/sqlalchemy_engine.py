"""Writes every statement of an SQLAlchemy engine to a capture file for `tradedb analyze`.

    capture(engine, "capture-%d.jsonl" % os.getpid())

The file holds the values of your statements: it is made readable for you alone.
"""
import base64
import json
import os
import time

from sqlalchemy import event

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


def capture(engine, path):
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def line(entry):
        os.write(log, (json.dumps(entry) + "\n").encode())

    @event.listens_for(engine, "connect")
    def connected(connection, record):
        cursor = connection.cursor()
        version, stat4 = cursor.execute(
            "SELECT sqlite_version(), sqlite_compileoption_used('ENABLE_STAT4')").fetchone()
        pragmas = {}
        for name in PRAGMAS:
            row = cursor.execute("PRAGMA " + name).fetchone()
            if row is not None:
                pragmas[name] = str(row[0])
        cursor.close()
        line({"tradedbCapture": 1, "engine": "sqlalchemy", "sqliteVersion": version, "stat4": stat4 == 1,
              "pragmas": pragmas})

    @event.listens_for(engine, "before_cursor_execute")
    def before(connection, cursor, statement, parameters, context, executemany):
        context._tradedb_started = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def after(connection, cursor, statement, parameters, context, executemany):
        ms = (time.perf_counter() - context._tradedb_started) * 1000
        for row in parameters if executemany else [parameters]:
            line({"sql": statement, "params": _packed(row), "ms": ms})
