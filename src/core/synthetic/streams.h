/*
 * streams.h
 *		Which stream of random numbers is whose.  A number, once given, stays: to
 *		change it changes all data.
 */
#ifndef RFMSEG_STREAMS_H
#define RFMSEG_STREAMS_H

enum
{
	RFMSEG_STREAM_PRODUCT = 1, /* row: product; its price and cost */
	RFMSEG_STREAM_BRAND,	   /* row: product */
	RFMSEG_STREAM_PERSON,	   /* row: customer; who they are */
	RFMSEG_STREAM_ADDRESS,	   /* row: customer; name and address */
	RFMSEG_STREAM_SHOPPER,	   /* row: customer; how they buy */
	RFMSEG_STREAM_TIMELINE,	   /* row: customer; when they buy */
	RFMSEG_STREAM_BASKET,	   /* row: order; what is in it */
};

#endif
