-------------------------------------------------------------------------------
-- Customer lifetime value: models of purchases and of spending, their fits, and
-- what they say of customers
-------------------------------------------------------------------------------

CREATE TYPE rfmseg.bgnbd_model AS (
	r float8,
	alpha float8,
	a float8,
	b float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.bgnbd_model IS 'The BG/NBD model (Fader, Hardie & Lee 2005) as bgnbd_fit() finds it, or with parameters from elsewhere: ROW(r, alpha, a, b, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.bgnbd_model. Customers buy at random at a rate of their own, and drop out after each repeat purchase with a probability of their own. Nobody drops out after the first purchase, so those who never came back are held to be alive. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.bgnbd_model.r IS 'Shape of the gamma distribution of the rates at which customers buy: the smaller, the more they differ.';
COMMENT ON COLUMN rfmseg.bgnbd_model.alpha IS 'Its other parameter, in the unit of time of the histories: the mean rate is r / alpha purchases a day, if that is days.';
COMMENT ON COLUMN rfmseg.bgnbd_model.a IS 'First shape of the beta distribution of the probabilities to drop out after a purchase.';
COMMENT ON COLUMN rfmseg.bgnbd_model.b IS 'Its second shape: the mean probability is a / (a + b).';
COMMENT ON COLUMN rfmseg.bgnbd_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.bgnbd_model.n IS 'Customers that it was fitted to.';
COMMENT ON COLUMN rfmseg.bgnbd_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.bgnbd_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.bgnbd_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.bgnbd_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.bgnbd_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE TYPE rfmseg.mbgnbd_model AS (
	r float8,
	alpha float8,
	a float8,
	b float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.mbgnbd_model IS 'The MBG/NBD model (Batislam, Denizel & Filiztekin 2007) as mbgnbd_fit() finds it, or with parameters from elsewhere: ROW(r, alpha, a, b, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.mbgnbd_model. Customers buy at random at a rate of their own, and drop out after each purchase, the first one too, with a probability of their own. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.r IS 'Shape of the gamma distribution of the rates at which customers buy: the smaller, the more they differ.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.alpha IS 'Its other parameter, in the unit of time of the histories: the mean rate is r / alpha purchases a day, if that is days.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.a IS 'First shape of the beta distribution of the probabilities to drop out after a purchase.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.b IS 'Its second shape: the mean probability is a / (a + b).';
COMMENT ON COLUMN rfmseg.mbgnbd_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.n IS 'Customers that it was fitted to.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.mbgnbd_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.mbgnbd_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE TYPE rfmseg.pnbd_model AS (
	r float8,
	alpha float8,
	s float8,
	beta float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.pnbd_model IS 'The Pareto/NBD model (Schmittlein, Morrison & Colombo 1987) as pnbd_fit() finds it, or with parameters from elsewhere: ROW(r, alpha, s, beta, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.pnbd_model. Customers buy at random at a rate of their own, and drop out at any time at a rate of their own. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.pnbd_model.r IS 'Shape of the gamma distribution of the rates at which customers buy: the smaller, the more they differ.';
COMMENT ON COLUMN rfmseg.pnbd_model.alpha IS 'Its other parameter, in the unit of time of the histories: the mean rate is r / alpha purchases a day, if that is days.';
COMMENT ON COLUMN rfmseg.pnbd_model.s IS 'Shape of the gamma distribution of the rates at which customers drop out.';
COMMENT ON COLUMN rfmseg.pnbd_model.beta IS 'Its other parameter, in the unit of time of the histories: the mean rate is s / beta a day, if that is days.';
COMMENT ON COLUMN rfmseg.pnbd_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.pnbd_model.n IS 'Customers that it was fitted to.';
COMMENT ON COLUMN rfmseg.pnbd_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.pnbd_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.pnbd_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.pnbd_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.pnbd_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE TYPE rfmseg.gamma_gamma_model AS (
	p float8,
	q float8,
	v float8,
	log_likelihood float8,
	n bigint,
	converged boolean,
	status text,
	iterations int,
	gradient_norm float8,
	standard_errors float8[]
);
COMMENT ON TYPE rfmseg.gamma_gamma_model IS 'The Gamma-Gamma model (Fader & Hardie 2013) as gamma_gamma_fit() finds it, or with parameters from elsewhere: ROW(p, q, v, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::rfmseg.gamma_gamma_model. What a customer spends on a purchase scatters around a mean of the customer''s own, whatever how often the customer buys. Keep it as jsonb (it casts both ways): columns of a composite type would not survive a later version with more fields.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.p IS 'Shape of the gamma distribution of what one customer spends on a purchase: the larger, the less it scatters.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.q IS 'Shape of the gamma distribution by which customers differ: the larger, the less they do. Mean values exist above 1 alone.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.v IS 'Scale by which customers differ, in the unit of money: the mean value of a purchase is p v / (q - 1).';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.log_likelihood IS 'Natural logarithm of the likelihood of all these customers; NULL if it is not known.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.n IS 'Customers with repeat purchases of some value, the others being left out.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.converged IS 'Whether the parameters are a maximum of the likelihood: its gradient is next to nothing, and it falls in every direction. Predictions refuse a model that says false; NULL, as of parameters from elsewhere, they accept.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.status IS 'In words: converged; no maximum (the likelihood rises, or is flat, as parameters go to 0 or infinity); stuck (iterations were used up, or no step led up).';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.iterations IS 'Newton steps on all customers, from the best that was found on a sample.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.gradient_norm IS 'Largest derivative of the log-likelihood by the logarithm of a parameter, per customer.';
COMMENT ON COLUMN rfmseg.gamma_gamma_model.standard_errors IS 'Of the parameters, in their order, from the curvature of the likelihood; NULL unless converged.';

CREATE FUNCTION rfmseg._histories_transition(internal, int, float8, float8)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_transition(internal, int, float8, float8) IS 'Internal to the aggregates bgnbd_fit, mbgnbd_fit and pnbd_fit.';

CREATE FUNCTION rfmseg._histories_transition(internal, int, float8)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_transition'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_transition(internal, int, float8) IS 'Internal to the aggregate gamma_gamma_fit.';

CREATE FUNCTION rfmseg._histories_combine(internal, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_combine(internal, internal) IS 'Internal to the aggregates that fit models of lifetime value.';

CREATE FUNCTION rfmseg._histories_serialize(internal)
RETURNS bytea AS 'MODULE_PATHNAME', 'rfmseg_histories_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_serialize(internal) IS 'Internal to the aggregates that fit models of lifetime value.';

CREATE FUNCTION rfmseg._histories_deserialize(bytea, internal)
RETURNS internal AS 'MODULE_PATHNAME', 'rfmseg_histories_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._histories_deserialize(bytea, internal) IS 'Internal to the aggregates that fit models of lifetime value.';

CREATE FUNCTION rfmseg._bgnbd_final(internal)
RETURNS rfmseg.bgnbd_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._bgnbd_final(internal) IS 'Internal to the aggregate bgnbd_fit.';

CREATE FUNCTION rfmseg._mbgnbd_final(internal)
RETURNS rfmseg.mbgnbd_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._mbgnbd_final(internal) IS 'Internal to the aggregate mbgnbd_fit.';

CREATE FUNCTION rfmseg._pnbd_final(internal)
RETURNS rfmseg.pnbd_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._pnbd_final(internal) IS 'Internal to the aggregate pnbd_fit.';

CREATE FUNCTION rfmseg._gamma_gamma_final(internal)
RETURNS rfmseg.gamma_gamma_model AS 'MODULE_PATHNAME', 'rfmseg_lifetime_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rfmseg._gamma_gamma_final(internal) IS 'Internal to the aggregate gamma_gamma_fit.';

CREATE AGGREGATE rfmseg.bgnbd_fit(frequency_repeat int, recency_btyd float8, t_age float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._bgnbd_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.bgnbd_fit(int, float8, float8) IS
'The BG/NBD model (Fader, Hardie & Lee 2005) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; recency_btyd: days from the first purchase to the last; t_age: days from the first purchase to the end of what was observed; as rfm() gives them. Another unit of time is as good, if it is the same in all uses of the model. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 104 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; no customer has repeat purchases; more memory than rfmseg.max_model_memory allows.';

CREATE AGGREGATE rfmseg.mbgnbd_fit(frequency_repeat int, recency_btyd float8, t_age float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._mbgnbd_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.mbgnbd_fit(int, float8, float8) IS
'The MBG/NBD model (Batislam, Denizel & Filiztekin 2007) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; recency_btyd: days from the first purchase to the last; t_age: days from the first purchase to the end of what was observed; as rfm() gives them. Another unit of time is as good, if it is the same in all uses of the model. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 104 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; no customer has repeat purchases; more memory than rfmseg.max_model_memory allows.';

CREATE AGGREGATE rfmseg.pnbd_fit(frequency_repeat int, recency_btyd float8, t_age float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._pnbd_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.pnbd_fit(int, float8, float8) IS
'The Pareto/NBD model (Schmittlein, Morrison & Colombo 1987) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; recency_btyd: days from the first purchase to the last; t_age: days from the first purchase to the end of what was observed; as rfm() gives them. Another unit of time is as good, if it is the same in all uses of the model. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 104 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; no customer has repeat purchases; more memory than rfmseg.max_model_memory allows.';

CREATE AGGREGATE rfmseg.gamma_gamma_fit(frequency_repeat int, monetary_value float8) (
	SFUNC = rfmseg._histories_transition,
	STYPE = internal,
	COMBINEFUNC = rfmseg._histories_combine,
	SERIALFUNC = rfmseg._histories_serialize,
	DESERIALFUNC = rfmseg._histories_deserialize,
	FINALFUNC = rfmseg._gamma_gamma_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE rfmseg.gamma_gamma_fit(int, float8) IS
'The Gamma-Gamma model (Fader & Hardie 2013) under which the customers, one a row, are most likely. frequency_repeat: purchases after the first day, those of one day being one; monetary_value: their mean value; as rfm() gives them. Customers without repeat purchases, or with those of no value, count for nothing. The result follows from the rows alone, to the last bit, whatever their order, the plan and the version of PostgreSQL. A row with a NULL is ignored; no rows give NULL. Where the likelihood has no maximum, or none is found, the model comes with converged = false, and a warning says so. Memory: 88 bytes a customer, up to rfmseg.max_model_memory. Errors: frequency_repeat outside of 0..100000; monetary_value negative, as where returns outweigh purchases, NaN, infinite or above 1e100; no customer has repeat purchases of some value; more memory than rfmseg.max_model_memory allows.';

CREATE FUNCTION rfmseg.p_alive(model rfmseg.bgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_p_alive'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION rfmseg.p_alive(rfmseg.bgnbd_model, int, float8, float8) IS
'The probability, 0 to 1, that a customer has not dropped out by the end of what was observed, by a model of BG/NBD, Fader, Hardie & Lee 2005. It is 1 for a customer without repeat purchases, as in this model nobody drops out after the first purchase. frequency_repeat, recency_btyd and t_age as the model was fitted to. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.p_alive(model rfmseg.mbgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_p_alive'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION rfmseg.p_alive(rfmseg.mbgnbd_model, int, float8, float8) IS
'The probability, 0 to 1, that a customer has not dropped out by the end of what was observed, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007. frequency_repeat, recency_btyd and t_age as the model was fitted to. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.p_alive(model rfmseg.pnbd_model, frequency_repeat int, recency_btyd float8, t_age float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_p_alive'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION rfmseg.p_alive(rfmseg.pnbd_model, int, float8, float8) IS
'The probability, 0 to 1, that a customer has not dropped out by the end of what was observed, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987. frequency_repeat, recency_btyd and t_age as the model was fitted to. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases(model rfmseg.bgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases(rfmseg.bgnbd_model, int, float8, float8, float8) IS
'The mean number of purchases, those of one day being one, of a customer in the time of length horizon after the end of what was observed, by a model of BG/NBD, Fader, Hardie & Lee 2005; it counts that the customer may have dropped out. frequency_repeat, recency_btyd and t_age as the model was fitted to; horizon in the same unit. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases(model rfmseg.mbgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases(rfmseg.mbgnbd_model, int, float8, float8, float8) IS
'The mean number of purchases, those of one day being one, of a customer in the time of length horizon after the end of what was observed, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007; it counts that the customer may have dropped out. frequency_repeat, recency_btyd and t_age as the model was fitted to; horizon in the same unit. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases(model rfmseg.pnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases(rfmseg.pnbd_model, int, float8, float8, float8) IS
'The mean number of purchases, those of one day being one, of a customer in the time of length horizon after the end of what was observed, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987; it counts that the customer may have dropped out. frequency_repeat, recency_btyd and t_age as the model was fitted to; horizon in the same unit. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases_new(model rfmseg.bgnbd_model, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases_new'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases_new(rfmseg.bgnbd_model, float8) IS
'The mean number of repeat purchases, those of one day being one, in the time of length horizon after the first purchase, of a customer of whom nothing else is known, by a model of BG/NBD, Fader, Hardie & Lee 2005. horizon in the unit of time that the model was fitted in. Errors: a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases_new(model rfmseg.mbgnbd_model, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases_new'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases_new(rfmseg.mbgnbd_model, float8) IS
'The mean number of repeat purchases, those of one day being one, in the time of length horizon after the first purchase, of a customer of whom nothing else is known, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007. horizon in the unit of time that the model was fitted in. Errors: a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.expected_purchases_new(model rfmseg.pnbd_model, horizon float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_purchases_new'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 30;
COMMENT ON FUNCTION rfmseg.expected_purchases_new(rfmseg.pnbd_model, float8) IS
'The mean number of repeat purchases, those of one day being one, in the time of length horizon after the first purchase, of a customer of whom nothing else is known, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987. horizon in the unit of time that the model was fitted in. Errors: a horizon that is negative, NaN or above 1e9; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged.';

CREATE FUNCTION rfmseg.discounted_purchases(model rfmseg.bgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_discounted_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.discounted_purchases(rfmseg.bgnbd_model, int, float8, float8, float8, float8) IS
'What expected_purchases says of a customer, by a model of BG/NBD, Fader, Hardie & Lee 2005, with later purchases counting for less: times the value of a purchase it is what customer_lifetime_value says, for whoever knows that value otherwise. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. Errors: as of expected_purchases; a discount_rate that is NaN, infinite or not above -1.';

CREATE FUNCTION rfmseg.discounted_purchases(model rfmseg.mbgnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_discounted_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.discounted_purchases(rfmseg.mbgnbd_model, int, float8, float8, float8, float8) IS
'What expected_purchases says of a customer, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007, with later purchases counting for less: times the value of a purchase it is what customer_lifetime_value says, for whoever knows that value otherwise. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. Errors: as of expected_purchases; a discount_rate that is NaN, infinite or not above -1.';

CREATE FUNCTION rfmseg.discounted_purchases(model rfmseg.pnbd_model, frequency_repeat int, recency_btyd float8, t_age float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_discounted_purchases'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.discounted_purchases(rfmseg.pnbd_model, int, float8, float8, float8, float8) IS
'What expected_purchases says of a customer, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987, with later purchases counting for less: times the value of a purchase it is what customer_lifetime_value says, for whoever knows that value otherwise. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. Errors: as of expected_purchases; a discount_rate that is NaN, infinite or not above -1.';

CREATE FUNCTION rfmseg.expected_average_value(model rfmseg.gamma_gamma_model, frequency_repeat int, monetary_value float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_expected_average_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5;
COMMENT ON FUNCTION rfmseg.expected_average_value(rfmseg.gamma_gamma_model, int, float8) IS
'The mean value of a purchase expected of a customer with so many repeat purchases of that mean value, by a model of Gamma-Gamma, Fader & Hardie 2013: between that value and the mean of all customers, and nearer to it the more purchases there are. Without repeat purchases it is the mean of all customers. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; monetary_value negative, NaN, infinite or above 1e100; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.customer_lifetime_value(model rfmseg.bgnbd_model, gamma_gamma rfmseg.gamma_gamma_model, frequency_repeat int, recency_btyd float8, t_age float8, monetary_value float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_customer_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.customer_lifetime_value(rfmseg.bgnbd_model, rfmseg.gamma_gamma_model, int, float8, float8, float8, float8, float8) IS
'What a customer is worth from the end of what was observed on: the purchases expected in the days of the horizon, by a model of BG/NBD, Fader, Hardie & Lee 2005, times the mean value expected of one (Gamma-Gamma, Fader & Hardie 2013), discounted. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. frequency_repeat, recency_btyd and t_age as the model was fitted to; monetary_value as gamma_gamma. The result is in its unit of money; it is revenue, unless that was margin. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; monetary_value negative, NaN, infinite or above 1e100; a horizon that is negative, NaN or above 1e9; a discount_rate that is NaN, infinite or not above -1; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.customer_lifetime_value(model rfmseg.mbgnbd_model, gamma_gamma rfmseg.gamma_gamma_model, frequency_repeat int, recency_btyd float8, t_age float8, monetary_value float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_customer_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.customer_lifetime_value(rfmseg.mbgnbd_model, rfmseg.gamma_gamma_model, int, float8, float8, float8, float8, float8) IS
'What a customer is worth from the end of what was observed on: the purchases expected in the days of the horizon, by a model of MBG/NBD, Batislam, Denizel & Filiztekin 2007, times the mean value expected of one (Gamma-Gamma, Fader & Hardie 2013), discounted. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. frequency_repeat, recency_btyd and t_age as the model was fitted to; monetary_value as gamma_gamma. The result is in its unit of money; it is revenue, unless that was margin. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; monetary_value negative, NaN, infinite or above 1e100; a horizon that is negative, NaN or above 1e9; a discount_rate that is NaN, infinite or not above -1; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.customer_lifetime_value(model rfmseg.pnbd_model, gamma_gamma rfmseg.gamma_gamma_model, frequency_repeat int, recency_btyd float8, t_age float8, monetary_value float8, horizon float8, discount_rate float8)
RETURNS float8 AS 'MODULE_PATHNAME', 'rfmseg_lifetime_customer_value'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION rfmseg.customer_lifetime_value(rfmseg.pnbd_model, rfmseg.gamma_gamma_model, int, float8, float8, float8, float8, float8) IS
'What a customer is worth from the end of what was observed on: the purchases expected in the days of the horizon, by a model of Pareto/NBD, Schmittlein, Morrison & Colombo 1987, times the mean value expected of one (Gamma-Gamma, Fader & Hardie 2013), discounted. The horizon is parted into 12 equal periods, and what is bought in each is discounted from its end, at an annual effective rate: 0.1 is ten percent a year of 365.25 days. So times are in days. frequency_repeat, recency_btyd and t_age as the model was fitted to; monetary_value as gamma_gamma. The result is in its unit of money; it is revenue, unless that was margin. Give the model as a subquery, (SELECT model FROM ...), so that it is read once. Errors: frequency_repeat outside of 0..100000; recency_btyd or t_age negative, NaN, infinite or above 1e12; recency_btyd above t_age; one of frequency_repeat and recency_btyd 0 and the other not; monetary_value negative, NaN, infinite or above 1e100; a horizon that is negative, NaN or above 1e9; a discount_rate that is NaN, infinite or not above -1; a model with a parameter that is NULL, NaN or not from 1e-10 to 1e10, or that has not converged; a gamma_gamma_model whose q is not above 1, which has no mean.';

CREATE FUNCTION rfmseg.bgnbd_model(model jsonb)
RETURNS rfmseg.bgnbd_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.bgnbd_model, model) $body$;
COMMENT ON FUNCTION rfmseg.bgnbd_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.bgnbd_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.bgnbd_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.bgnbd_model) WITH FUNCTION rfmseg.bgnbd_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.bgnbd_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.bgnbd_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.bgnbd_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.bgnbd_model AS jsonb) IS 'A model to be kept.';

CREATE FUNCTION rfmseg.mbgnbd_model(model jsonb)
RETURNS rfmseg.mbgnbd_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.mbgnbd_model, model) $body$;
COMMENT ON FUNCTION rfmseg.mbgnbd_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.mbgnbd_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.mbgnbd_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.mbgnbd_model) WITH FUNCTION rfmseg.mbgnbd_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.mbgnbd_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.mbgnbd_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.mbgnbd_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.mbgnbd_model AS jsonb) IS 'A model to be kept.';

CREATE FUNCTION rfmseg.pnbd_model(model jsonb)
RETURNS rfmseg.pnbd_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.pnbd_model, model) $body$;
COMMENT ON FUNCTION rfmseg.pnbd_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.pnbd_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.pnbd_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.pnbd_model) WITH FUNCTION rfmseg.pnbd_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.pnbd_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.pnbd_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.pnbd_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.pnbd_model AS jsonb) IS 'A model to be kept.';

CREATE FUNCTION rfmseg.gamma_gamma_model(model jsonb)
RETURNS rfmseg.gamma_gamma_model
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $body$ SELECT jsonb_populate_record(NULL::rfmseg.gamma_gamma_model, model) $body$;
COMMENT ON FUNCTION rfmseg.gamma_gamma_model(jsonb) IS 'The model that was kept as jsonb; also as a cast. All numbers come back to the last bit. What is no model is found out when it is used.';

CREATE FUNCTION rfmseg.jsonb(model rfmseg.gamma_gamma_model)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET extra_float_digits = 3
AS $body$ SELECT to_jsonb(model) $body$;
COMMENT ON FUNCTION rfmseg.jsonb(rfmseg.gamma_gamma_model) IS 'A model to be kept, with all digits of all numbers; also as a cast.';

CREATE CAST (jsonb AS rfmseg.gamma_gamma_model) WITH FUNCTION rfmseg.gamma_gamma_model(jsonb);
COMMENT ON CAST (jsonb AS rfmseg.gamma_gamma_model) IS 'A model that was kept as jsonb.';
CREATE CAST (rfmseg.gamma_gamma_model AS jsonb) WITH FUNCTION rfmseg.jsonb(rfmseg.gamma_gamma_model) AS ASSIGNMENT;
COMMENT ON CAST (rfmseg.gamma_gamma_model AS jsonb) IS 'A model to be kept.';
