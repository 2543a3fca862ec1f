/**
 * @module capture/settling
 * Which results are waited for.
 */
import { types } from 'node:util'

const { isPromise } = types
const promisePrototype = Promise.prototype

/**
 * Whether the result is a promise whose end can be observed without changing anything. Left alone are other thenables and
 * promises with a `then` of their own, which may be lazy (they start when it is called); promises of a subclass, whose
 * private state a derived one would not have; and proxies.
 */
export function isSettling(result: unknown): result is Promise<unknown> {
  if (typeof result !== 'object' || result === null) return false
  try {
    return (
      result instanceof Promise &&
      isPromise(result) &&
      result.constructor === Promise &&
      // read at each use: a tracing library may have replaced it
      result.then === promisePrototype.then
    )
  } catch {
    return false // a proxy with hostile traps, or a revoked one
  }
}
