#!/usr/bin/env python3
"""Waits for refreshes of a deployment and says what each of them changed.

usage: listen.py [DEPLOYMENT] [NUMBER]

Connects as psql does (PGHOST, PGDATABASE, PGUSER, ...), listens to the channel
of DEPLOYMENT (default: rfm), and prints a line for every refresh committed;
after NUMBER of them, if given, it ends.  Put what your campaign tool needs in
place of the print: the payload holds numbers alone, so read who changed, and
why, from the published view segment_changes.

Needs psycopg2 (Debian: python3-psycopg2).
"""
import json
import select
import sys

import psycopg2
from psycopg2 import sql

deployment = sys.argv[1] if len(sys.argv) > 1 else "rfm"
remaining = int(sys.argv[2]) if len(sys.argv) > 2 else None

connection = psycopg2.connect("")
connection.autocommit = True
cursor = connection.cursor()
cursor.execute(sql.SQL("LISTEN {}").format(sql.Identifier("rfmseg_" + deployment)))
print("listening to rfmseg_" + deployment, flush=True)

while remaining != 0:
    select.select([connection], [], [])
    connection.poll()
    while connection.notifies and remaining != 0:
        news = json.loads(connection.notifies.pop(0).payload)
        cursor.execute(
            sql.SQL("SELECT coalesce(cause, 'unknown'), count(*) FROM {}.segment_changes"
                    " WHERE run_id = %s GROUP BY 1 ORDER BY 2 DESC, 1").format(sql.Identifier(deployment)),
            (news["run_id"],))
        causes = ", ".join("%s: %s" % row for row in cursor)
        print("run %(run_id)s as of %(as_of)s: %(customers)s customers, %(changed)s changed" % news
              + (" (%s)" % causes if causes else ""), flush=True)
        remaining = None if remaining is None else remaining - 1
