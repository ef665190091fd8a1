/*
 * score.h
 *		Cut points as the server hands them over, and scores in words.
 */
#ifndef RFMSEG_SCORE_H
#define RFMSEG_SCORE_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/array.h"

#include "core/scores.h"

/* Points into the array.  Errors: no plain list of 1 to 9 finite ascending numbers, an unknown word. */
extern RfmsegCuts rfmseg_cuts_of(ArrayType *array, bool higher_is_better, text *closed);

/* The values that have a score, as in "more than 3, at most 5" */
extern void rfmseg_append_score_range(StringInfo words, int score, const RfmsegCuts *cuts);

#endif
