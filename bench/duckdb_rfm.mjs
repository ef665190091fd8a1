// The peer in DuckDB: exports the lines from PostgreSQL as a CSV file, segments
// the customers, and copies them back. By the rules of docs/rfm.md, with fewer
// columns than a refresh writes. psql connects by the PG* variables of the
// environment. Prints one line "part<TAB>seconds" for each part, and the peak of
// its memory.
//
// usage: node duckdb_rfm.mjs FOLDER [THREADS]      FOLDER is for the files

import { execFileSync } from 'node:child_process';
import { DuckDBInstance } from '@duckdb/node-api';

const folder = process.argv[2];
const threads = process.argv[3] ?? '2';
const start = performance.now();
let last = start;

function part(name) {
	const now = performance.now();
	console.log(`${name}\t${((now - last) / 1000).toFixed(3)}`);
	last = now;
}

function psql(...statements) {
	execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...statements.flatMap((s) => ['-c', s])], { stdio: ['ignore', 'ignore', 'inherit'] });
}

const instance = await DuckDBInstance.create(`${folder}/peer.duckdb`, { threads });
const duckdb = await instance.connect();
last = performance.now();

psql(`COPY (SELECT customer_id, ordered_at AT TIME ZONE 'UTC' AS bought_at, amount, order_id, product_id, category
	FROM orders WHERE customer_id IS NOT NULL) TO '${folder}/lines.csv' (FORMAT csv, HEADER)`);
part('export');

await duckdb.run(`CREATE TABLE line AS SELECT * FROM read_csv('${folder}/lines.csv', header = true, columns = {
	'customer_id': 'BIGINT', 'bought_at': 'TIMESTAMP', 'amount': 'DECIMAL(12,2)', 'order_id': 'BIGINT', 'product_id': 'INTEGER',
	'category': 'VARCHAR'})`);
part('load');

await duckdb.run(`
CREATE TABLE customer AS
WITH purchase AS (
	SELECT customer_id, order_id, sum(amount) AS total, max(bought_at) FILTER (WHERE amount >= 0) AS last_at, min(amount) < 0 AS has_return
	FROM line GROUP BY customer_id, order_id
), spent AS (
	SELECT customer_id, sum(total) AS monetary,
		count(*) FILTER (WHERE last_at IS NOT NULL AND (NOT has_return OR total > 0)) AS frequency,
		max(last_at) FILTER (WHERE NOT has_return OR total > 0) AS last_at
	FROM purchase GROUP BY customer_id
), basket AS (
	SELECT customer_id, count(DISTINCT product_id) AS products, count(DISTINCT category) AS categories
	FROM line WHERE amount >= 0 GROUP BY customer_id
), metrics AS (
	SELECT s.customer_id, s.monetary, s.frequency,
		CASE WHEN s.frequency > 0 THEN (SELECT max(bought_at)::DATE + 1 FROM line WHERE amount >= 0) - s.last_at::DATE END AS recency_days,
		b.products, b.categories
	FROM spent s LEFT JOIN basket b USING (customer_id)
), cuts AS (
	SELECT quantile_cont(recency_days::DOUBLE, [0.25, 0.5, 0.75]) AS r, quantile_cont(frequency::DOUBLE, [0.25, 0.5, 0.75]) AS f,
		quantile_cont(monetary::DOUBLE, [0.25, 0.5, 0.75]) AS m
	FROM metrics WHERE frequency > 0
), scored AS (
	SELECT metrics.*,
		CASE WHEN frequency = 0 THEN 1 ELSE 1 + (recency_days <= r[1])::INT + (recency_days <= r[2])::INT + (recency_days <= r[3])::INT END AS r_score,
		CASE WHEN frequency = 0 THEN 1 ELSE 1 + (frequency > f[1])::INT + (frequency > f[2])::INT + (frequency > f[3])::INT END AS f_score,
		CASE WHEN frequency = 0 THEN 1 ELSE 1 + (monetary::DOUBLE > m[1])::INT + (monetary::DOUBLE > m[2])::INT
			+ (monetary::DOUBLE > m[3])::INT END AS m_score
	FROM metrics, cuts
)
SELECT *, CASE
		WHEN r_score >= 3 AND frequency = 1 THEN 'New Customers'
		WHEN r_score = 4 AND f_score >= 3 AND m_score = 4 THEN 'Champions'
		WHEN r_score >= 3 AND f_score >= 3 AND m_score >= 3 THEN 'Loyal'
		WHEN r_score >= 3 OR (r_score = 2 AND f_score <= 2 AND m_score <= 2 AND frequency >= 2) THEN 'Regular'
		WHEN r_score = 2 OR (f_score >= 3 AND m_score >= 3) THEN 'At Risk'
		ELSE 'Churned' END AS segment_name
FROM scored`);
part('compute');

await duckdb.run(`COPY customer TO '${folder}/customers.csv' (FORMAT csv, HEADER false)`);
psql('DROP TABLE IF EXISTS peer_duckdb',
	`CREATE TABLE peer_duckdb (customer_id bigint, monetary numeric, frequency bigint, recency_days int, products bigint,
	categories bigint, r_score int, f_score int, m_score int, segment_name text)`,
	`COPY peer_duckdb FROM '${folder}/customers.csv' (FORMAT csv)`,
	'ALTER TABLE peer_duckdb ADD PRIMARY KEY (customer_id)');
part('write back');

console.log(`total\t${((performance.now() - start) / 1000).toFixed(3)}`);
console.log(`peak MB\t${(process.resourceUsage().maxRSS / 1024).toFixed(0)}`);
