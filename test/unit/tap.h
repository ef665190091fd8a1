/*
 * Tests that print TAP: ok() for each fact, and "return done();" at the end of
 * main().
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>

static int tap_run = 0;
static int tap_failed = 0;

__attribute__((format(printf, 4, 5))) static inline int
tap_ok(int passed, const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("%s %d - ", passed ? "ok" : "not ok", ++tap_run);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!passed)
	{
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	/* a crash must not lose what was found before it */
	fflush(stdout);
	return passed;
}

#define ok(condition, ...) tap_ok((condition) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

/* Prints the plan; the result is the program's exit status */
static inline int
done(void)
{
	printf("1..%d\n", tap_run);
	return tap_failed > 0 ? 1 : 0;
}

#endif
