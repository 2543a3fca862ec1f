/**
 * @module internal/check-options
 * The first check of everything that takes an object of options: a word where an object belongs, or a name that is
 * mistyped, must not silently mean "no options".
 */

/**
 * @param what    name for the message
 * @param allowed keys that may be there
 * @throws {TypeError} not an object, or one with another key
 */
export function checkOptionNames(value: unknown, what: string, allowed: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} must be an object, not ${kindOf(value)}`)
  }
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key)) {
      throw new TypeError(`${what}: unknown option ${key}; there are ${allowed.join(', ')}`)
    }
  }
}

/** For messages: what a value is. */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  return value === null ? 'null' : typeof value
}
