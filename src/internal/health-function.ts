/**
 * @module internal/health-function
 * The name under which Kronicler records its own health, one row every few seconds. Its rows are no calls of the
 * program, so answers leave them out unless they are asked for by this name.
 */
export const HEALTH_FUNCTION = '(kronicler)'
