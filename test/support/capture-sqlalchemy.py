"""Runs a few statements: capture-sqlalchemy.py <snippet folder> <capture file>; the log of echo=True goes to stdout."""
import logging
import os
import sys

sys.path.insert(0, sys.argv[1])
logging.basicConfig(stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)

from sqlalchemy import create_engine, text
from sqlalchemy_engine import capture

engine = create_engine("sqlite://")
capture(engine, sys.argv[2])
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE t(a, b)"))
    connection.execute(text("INSERT INTO t VALUES (:a, :b)"), {"a": 2**60 + 1, "b": b"\x00\xff"})
    connection.execute(text("INSERT INTO t VALUES (:a, :b)"), [{"a": 1.5, "b": "it's\n\u00e9"}, {"a": None, "b": True}])
    logging.getLogger("bot").warning("a line of somebody else")
    rows = connection.execute(text("SELECT b\nFROM t\nWHERE a = :a"), {"a": 1.5}).fetchall()
    assert rows == [("it's\n\u00e9",)]
    connection.exec_driver_sql("SELECT count(*) FROM t")
sys.stdout.flush()
os._exit(0)
