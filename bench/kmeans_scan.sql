-- What the clusters are made of, and nothing else

SELECT count(ARRAY[:features]) FROM points \g /dev/null
