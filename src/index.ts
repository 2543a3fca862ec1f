/**
 * @module kronicler
 * Stands in until the entry point is written.
 */
export const WRITER_THREAD_URL: URL = new URL('./writer-thread.cjs', import.meta.url)
