-- Before each measurement: what an earlier one has left

SET client_min_messages = warning;
DROP VIEW IF EXISTS a_clean, b_line;
DROP TABLE IF EXISTS floor_customers, a_customer_summary, a_rfm_analysis, a_customer_segments, a_segment_profiles,
	b_order, b_day, b_basket, b_spending, b_stage, b_customers, b_segments, written, kmeans_model, labels, sql_moved;
CHECKPOINT;
