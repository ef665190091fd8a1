/*
 * settings.h
 *		Settings of the server that rfmseg adds.
 */
#ifndef RFMSEG_SETTINGS_H
#define RFMSEG_SETTINGS_H

/* kB that fitting one model may take */
extern int rfmseg_max_model_memory;

#endif
