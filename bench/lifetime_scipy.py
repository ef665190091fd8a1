"""The peer in SciPy: reads the customers out of PostgreSQL and fits the MBG/NBD to them.

The likelihood is that of rfmseg, vectorised, over the distinct histories with their numbers; its maximum is looked for by
scipy.optimize.minimize, L-BFGS-B on the logarithms of the parameters, from 1, with numerical derivatives: what it does by
default. Connects by the PG* variables of the environment; prints one line "part<TAB>number" for each part, then what was found.
"""

import io
import resource
import time

import numpy as np
import psycopg2
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

connection = psycopg2.connect("")
cursor = connection.cursor()
started = last = time.perf_counter()


def part(name):
    global last
    now = time.perf_counter()
    print(f"{name}\t{now - last:.4f}", flush=True)
    last = now


# binary COPY: 19 bytes before the rows, 2 after them; a row is the number of columns, then length and value of each
buffer = io.BytesIO()
cursor.copy_expert("COPY (SELECT x::float8, t_x, t FROM customers) TO STDOUT (FORMAT binary)", buffer, size=1 << 20)
kind = np.dtype([("columns", ">i2")] + [field for name in ("x", "t_x", "t") for field in ((f"{name} length", ">i4"), (name, ">f8"))])
rows = np.frombuffer(buffer.getbuffer()[19:-2], kind)
customers = np.column_stack([rows[name].astype(float) for name in ("x", "t_x", "t")])
part("read")

histories, counts = np.unique(customers, axis=0, return_counts=True)
x, t_x, t = histories.T
part("merge")


def negative_log_likelihood(logs):
    r, alpha, a, b = np.exp(logs)
    alive = -(r + x) * np.log(alpha + t)
    dropped = np.log(a) - np.log(b + x) - (r + x) * np.log(alpha + t_x)
    each = (gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x + 1) - betaln(a, b) + np.logaddexp(alive, dropped))
    return -np.sum(counts * each) / len(customers)


found = minimize(negative_log_likelihood, np.zeros(4), method="L-BFGS-B", options={"maxiter": 1000})
part("fit")
print(f"total\t{time.perf_counter() - started:.4f}")
print(f"log-likelihood\t{-found.fun * len(customers):.6f}")
print(f"evaluations\t{found.nfev}")
print(f"peak MB\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
