"""Steps of SQLite's machine for each statement, the mean of its sets: vm-steps.py <database> < [{"sql", "sets"}, ...]."""
import json
import sqlite3
import sys

connection = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
every = 10
ticks = 0


def tick():
    global ticks
    ticks += 1
    return 0


connection.set_progress_handler(tick, every)
counted = []
for statement in json.load(sys.stdin):
    ticks = 0
    for values in statement["sets"]:
        connection.execute(statement["sql"], values).fetchall()
    counted.append(ticks * every / len(statement["sets"]))
print(json.dumps(counted))
