"""The peer in pandas: reads the lines out of PostgreSQL, segments the customers, writes them back.

By the rules of docs/rfm.md, with fewer columns than a refresh writes. Connects by the PG* variables of the
environment; prints one line "part<TAB>seconds" for each part, and the peak of its memory.
"""

import os
import resource
import threading
import time

import numpy as np
import pandas as pd
import psycopg2

started = last = time.perf_counter()


def part(name):
    global last
    now = time.perf_counter()
    print(f"{name}\t{now - last:.3f}", flush=True)
    last = now


def bins(values, buyers):
    """1..4 by quartiles; a value equal to a cut belongs to the lower interval."""
    return 1 + np.searchsorted(np.quantile(values[buyers], [0.25, 0.5, 0.75]), values, side="left")


connection = psycopg2.connect("")
cursor = connection.cursor()

# pandas parses while the server is still sending
receiver, sender = os.pipe()


def send():
    with os.fdopen(sender, "wb") as pipe:
        cursor.copy_expert(
            "COPY (SELECT customer_id, (ordered_at AT TIME ZONE 'UTC')::date - date '2000-01-01', amount, order_id, product_id, category"
            " FROM orders WHERE customer_id IS NOT NULL) TO STDOUT (FORMAT csv)", pipe, size=1 << 20)


thread = threading.Thread(target=send)
thread.start()
with os.fdopen(receiver, "rb") as pipe:
    lines = pd.read_csv(
        pipe, header=None, names=["customer_id", "day", "amount", "order_id", "product_id", "category"],
        dtype={"customer_id": "int64", "day": "int32", "amount": "float64", "order_id": "int64", "product_id": "int32",
               "category": "category"})
thread.join()
part("read")

# Few orders have returns: only these need their totals
is_sale = lines.amount.to_numpy() >= 0
sales = lines[is_sale]
touched = lines[lines.order_id.isin(np.unique(lines.order_id.to_numpy()[~is_sale]))]
totals = touched.groupby("order_id", sort=False).amount.sum().round(2)
kept = sales[~sales.order_id.isin(totals.index[totals <= 0])]


def distinct(column):
    return sales.drop_duplicates(["customer_id", column]).groupby("customer_id")[column].size()


c = pd.DataFrame({
    "monetary": lines.groupby("customer_id").amount.sum().round(2),
    "frequency": kept.drop_duplicates("order_id").groupby("customer_id").order_id.size(),
    "last_day": kept.groupby("customer_id").day.max(),
    "products": distinct("product_id"),
    "categories": distinct("category"),
})
c["frequency"] = c.frequency.fillna(0).astype("int64")
c["recency_days"] = sales.day.max() + 1 - c.pop("last_day")

frequency = c.frequency.to_numpy()
buyers = frequency > 0
r = np.where(buyers, 5 - bins(c.recency_days.to_numpy(), buyers), 1)
f = np.where(buyers, bins(frequency, buyers), 1)
m = np.where(buyers, bins(c.monetary.to_numpy(), buyers), 1)
c["r_score"], c["f_score"], c["m_score"] = r, f, m
c["segment_name"] = np.select(
    [
        (r >= 3) & (frequency == 1),
        (r == 4) & (f >= 3) & (m == 4),
        (r >= 3) & (f >= 3) & (m >= 3),
        (r >= 3) | ((r == 2) & (f <= 2) & (m <= 2) & (frequency >= 2)),
        (r == 2) | ((f >= 3) & (m >= 3)),
    ],
    ["New Customers", "Champions", "Loyal", "Regular", "At Risk"],
    "Churned",
)
for column in ("recency_days", "products", "categories"):
    c[column] = c[column].astype("Int64")
c = c[["monetary", "frequency", "recency_days", "products", "categories", "r_score", "f_score", "m_score", "segment_name"]]
part("compute")

cursor.execute("DROP TABLE IF EXISTS peer_pandas")
cursor.execute(
    "CREATE TABLE peer_pandas (customer_id bigint, monetary numeric, frequency bigint, recency_days int, products bigint,"
    " categories bigint, r_score int, f_score int, m_score int, segment_name text)")
receiver, sender = os.pipe()


def write():
    with os.fdopen(sender, "w") as pipe:
        c.to_csv(pipe, header=False)


thread = threading.Thread(target=write)
thread.start()
with os.fdopen(receiver, "rb") as pipe:
    cursor.copy_expert("COPY peer_pandas FROM STDIN (FORMAT csv)", pipe, size=1 << 20)
thread.join()
cursor.execute("ALTER TABLE peer_pandas ADD PRIMARY KEY (customer_id)")
connection.commit()
part("write back")

print(f"total\t{time.perf_counter() - started:.3f}")
print(f"peak MB\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
