-- Customers of which pipeline B and the refresh (:result) say different things:
-- in the columns that decide, and in any that B has but the one that is not exact

SELECT count(*) FILTER (WHERE (b.customer_id, b.frequency, b.monetary, b.recency_days, b.r_score, b.f_score, b.m_score,
		b.unique_products_purchased, b.median_gap_days, b.category_shares, b.segment_name)
	IS DISTINCT FROM (r.customer_id, r.frequency, r.monetary, r.recency_days, r.r_score, r.f_score, r.m_score,
		r.unique_products_purchased, r.median_gap_days, r.category_shares, r.segment_name)),
	count(*) FILTER (WHERE (to_jsonb(r) @> (to_jsonb(b) - 'monetary_value')) IS NOT TRUE
		OR abs(b.monetary_value - r.monetary_value) > 1e-9 * abs(r.monetary_value)),
	count(*)
FROM b_customers b FULL JOIN :result r USING (customer_id);
