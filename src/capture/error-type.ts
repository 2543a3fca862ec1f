/**
 * @module capture/error-type
 * The name under which a thrown value is counted: the class of an error, the kind of anything else.
 */

/** Longer names are cut: a class name beyond this is a mistake, or an attack on the name log. */
const MAX_LENGTH = 200

/**
 * Never throws, whatever was thrown: a revoked proxy, an object with hostile getters, nothing at all.
 *
 * @returns `TypeError` for `new TypeError()`, `string` for `throw 'text'`, `null` for `throw null`
 */
export function errorTypeName(thrown: unknown): string {
  if (thrown === null) return 'null'
  if (typeof thrown !== 'object' && typeof thrown !== 'function') return typeof thrown
  try {
    const constructor: unknown = thrown.constructor
    const name: unknown = typeof constructor === 'function' ? constructor.name : undefined
    return typeof name === 'string' && name !== '' ? name.slice(0, MAX_LENGTH) : 'object'
  } catch {
    return 'unknown'
  }
}
