/*
 * A stock postgres knows nothing of AddressSanitizer, whose runtime must then
 * be preloaded. Libraries that allocate in their constructors would call it
 * before it has set itself up, and hang. Linked with -z initfirst, this one's
 * constructor runs before theirs.
 */
void __asan_init(void);

__attribute__((constructor)) static void
start_asan_first(void)
{
	__asan_init();
}
