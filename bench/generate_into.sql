-- As rfmseg.generate does it

CREATE TABLE written (LIKE shop_raw.transactions);
SELECT rfmseg._generate_transactions_into(:customers, 1, '2024-01-01', '2025-12-31', 100, 'UTC', 'USD', NULL, 1, 'written');
