"""The peer in pandas: reads the lines out of PostgreSQL, segments the customers, writes them back.

By the rules of docs/rfm.md, with fewer columns than a refresh writes. Connects by the PG* variables of the
environment; prints one line "part<TAB>seconds" for each part, and the peak of its memory.
"""

import io
import resource
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


def scores(values, cuts):
    """1..4; a value equal to a cut belongs to the lower interval."""
    return 1 + np.searchsorted(cuts, values, side="left")


connection = psycopg2.connect("")
cursor = connection.cursor()

csv = io.BytesIO()
cursor.copy_expert(
    "COPY (SELECT customer_id, ordered_at AT TIME ZONE 'UTC' AS at, amount, order_id, product_id, category"
    " FROM orders WHERE customer_id IS NOT NULL) TO STDOUT (FORMAT csv, HEADER)", csv)
csv.seek(0)
lines = pd.read_csv(csv, dtype={"category": "category"}, parse_dates=["at"])
del csv
part("read")

sales = lines[lines.amount >= 0]
totals = lines.groupby(["customer_id", "order_id"], sort=False).amount.agg(["sum", "min"])
dates = sales.groupby(["customer_id", "order_id"], sort=False)["at"].max()
orders = totals.join(dates, how="inner").reset_index()
orders = orders[(orders["min"] >= 0) | (orders["sum"].round(2) > 0)]

c = lines.groupby("customer_id").amount.sum().round(2).to_frame("monetary")
c["frequency"] = orders.groupby("customer_id").size()
c["frequency"] = c.frequency.fillna(0).astype("int64")
as_of = sales["at"].max().normalize() + pd.Timedelta(days=1)
c["recency_days"] = (as_of - orders.groupby("customer_id")["at"].max().dt.normalize()).dt.days
c["products"] = sales.groupby("customer_id").product_id.nunique()
c["categories"] = sales.groupby("customer_id").category.nunique()

buyers = c.frequency > 0
quartiles = c[buyers][["recency_days", "frequency", "monetary"]].quantile([0.25, 0.5, 0.75])
r = np.where(buyers, 5 - scores(c.recency_days, quartiles.recency_days), 1)
f = np.where(buyers, scores(c.frequency, quartiles.frequency), 1)
m = np.where(buyers, scores(c.monetary, quartiles.monetary), 1)
c["r_score"], c["f_score"], c["m_score"] = r, f, m
c["segment_name"] = np.select(
    [
        (r >= 3) & (c.frequency == 1),
        (r == 4) & (f >= 3) & (m == 4),
        (r >= 3) & (f >= 3) & (m >= 3),
        (r >= 3) | ((r == 2) & (f <= 2) & (m <= 2) & (c.frequency >= 2)),
        (r == 2) | ((f >= 3) & (m >= 3)),
    ],
    ["New Customers", "Champions", "Loyal", "Regular", "At Risk"],
    "Churned",
)
for column in ("recency_days", "products", "categories"):
    c[column] = c[column].astype("Int64")
part("compute")

cursor.execute("DROP TABLE IF EXISTS peer_pandas")
cursor.execute(
    "CREATE TABLE peer_pandas (customer_id bigint, monetary numeric, frequency bigint, recency_days int, products bigint,"
    " categories bigint, r_score int, f_score int, m_score int, segment_name text)")
out = io.StringIO()
c.to_csv(out, header=False)
out.seek(0)
cursor.copy_expert("COPY peer_pandas FROM STDIN (FORMAT csv)", out)
cursor.execute("ALTER TABLE peer_pandas ADD PRIMARY KEY (customer_id)")
connection.commit()
part("write back")

print(f"total\t{time.perf_counter() - started:.3f}")
print(f"peak MB\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
