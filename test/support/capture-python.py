"""Runs a few statements through the capture snippet: python3 capture-python.py <snippet folder> <capture file>."""
import datetime
import os
import sys
import warnings

sys.path.insert(0, sys.argv[1])
import sqlite3

from python_sqlite3 import capturing

warnings.simplefilter("ignore")
connection = sqlite3.connect(":memory:", factory=capturing(sys.argv[2]))
connection.execute("CREATE TABLE t(a, b)")
connection.execute("INSERT INTO t VALUES (?, ?)", (2**60 + 1, b"\x00\xff"))
connection.execute("INSERT INTO t VALUES (:a, :b)", {"a": "caf\u00e9\n", "b": None})
connection.executemany("INSERT INTO t VALUES (?, ?)", [(1.5, True), (3, "x")])
connection.cursor().execute("SELECT b FROM t WHERE a = ?", (datetime.date(2026, 3, 1),))
assert connection.execute("SELECT count(*) FROM t").fetchone() == (4,)
os._exit(0)
