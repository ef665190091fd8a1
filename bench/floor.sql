-- The least that any refresh must do: read the source once, write the
-- per-customer table once and index it. :result and :columns are those of the
-- last refresh.

SELECT count(*), max(ordered_at), sum(amount) FROM orders;
CREATE TABLE floor_customers AS SELECT :columns FROM :result;
ALTER TABLE floor_customers ADD PRIMARY KEY (customer_id);
