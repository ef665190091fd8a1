-- An aggregate over all customers: a fit, a sum of predictions, or as little as can be

SELECT :aggregate FROM customers \g /dev/null
