"""The peer in scikit-learn: reads the points out of PostgreSQL, clusters them, writes the labels back.

usage: kmeans_sklearn.py DIMENSIONS K N_INIT ALGORITHM TABLE

COPY in binary, whose rows are all of one length, so that numpy takes them as they are: much faster than text. Connects by
the PG* variables of the environment; prints one line "part<TAB>number" for each part, and the peak of its memory. How
many threads there are is for OMP_NUM_THREADS to say.
"""

import io
import resource
import sys
import time

import numpy as np
import psycopg2
from sklearn.cluster import KMeans

d, k, n_init = map(int, sys.argv[1:4])
algorithm, table = sys.argv[4:6]
connection = psycopg2.connect("")
cursor = connection.cursor()
started = last = time.perf_counter()


def part(name):
    global last
    now = time.perf_counter()
    print(f"{name}\t{now - last:.4f}", flush=True)
    last = now


def row(columns):
    """A row of COPY in binary: the number of columns, then the length and the value of each."""
    return np.dtype([("columns", ">i2")] + [field for name, kind in columns for field in ((f"{name} length", ">i4"), (name, kind))])


features = [f"x{j + 1}" for j in range(d)]
buffer = io.BytesIO()
cursor.copy_expert(f"COPY (SELECT id, {', '.join(features)} FROM points) TO STDOUT (FORMAT binary)", buffer, size=1 << 20)
# 19 bytes before the rows, 2 after them
kind = row([("id", ">i8")] + [(name, ">f8") for name in features])
rows = np.frombuffer(buffer.getbuffer()[19:-2], kind)
points = np.empty((len(rows), d))
for j, name in enumerate(features):
    points[:, j] = rows[name]
part("read")

cpu = time.process_time()
model = KMeans(n_clusters=k, init="k-means++", n_init=n_init, algorithm=algorithm, random_state=42).fit(points)
part("fit")
print(f"CPU of fit\t{time.process_time() - cpu:.4f}")

cursor.execute(f"DROP TABLE IF EXISTS {table}")
cursor.execute(f"CREATE TABLE {table} (id bigint, label int)")
labels = np.empty(len(rows), row([("id", ">i8"), ("label", ">i4")]))
labels["columns"], labels["id length"], labels["label length"] = 2, 8, 4
labels["id"], labels["label"] = rows["id"], model.labels_
cursor.copy_expert(
    f"COPY {table} FROM STDIN (FORMAT binary)",
    io.BytesIO(b"PGCOPY\n\xff\r\n\0" + bytes(8) + labels.tobytes() + b"\xff\xff"), size=1 << 20)
connection.commit()
part("write back")

print(f"total\t{time.perf_counter() - started:.4f}")
print(f"iterations\t{model.n_iter_}")
print(f"peak MB\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
