"""Counts the steps of SQLite's machine for each statement: count-steps.py <database> < [{"sql", "values"}, ...]."""
import json
import sqlite3
import sys

connection = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
counted = []
for statement in json.load(sys.stdin):
    ticks = 0

    def tick():
        global ticks
        ticks += 1
        return 0

    connection.set_progress_handler(tick, 20)
    connection.execute(statement["sql"], statement["values"]).fetchall()
    counted.append(ticks * 20)
print(json.dumps(counted))
