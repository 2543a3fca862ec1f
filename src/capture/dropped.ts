/**
 * @module capture/dropped
 * Notices that an object is gone which should have told when its work was over: an iterator nobody iterates any more, a
 * stream nobody reads.
 *
 * Being watched by the garbage collector costs most of a microsecond, and keeps an object from dying young. So objects
 * are only put on a list at first, and those whose call is still open are watched when the running job is over, or the list
 * is full: an iterator that is used up on the spot, as nearly all are, costs no more than its place on the list.
 */

export interface Droppable {
  /** Whether the call is over, so that its object need not be watched. */
  hasEnded: boolean
}

/** @param call must not lead to the object, or it is never gone */
export type WatchForDrop<C extends Droppable> = (object: object, call: C) => void

const LIST_LENGTH = 256
const then = Promise.prototype.then // eslint-disable-line @typescript-eslint/unbound-method -- applied to a promise

/** @param onDropped told of calls whose object is gone and which have not ended. Never throws */
export function createDropWatch<C extends Droppable>(
  onDropped: (call: C) => void,
): WatchForDrop<C> {
  const registry = new FinalizationRegistry<C>((call) => {
    if (!call.hasEnded) onDropped(call)
  })
  const objects = new Array<object | undefined>(LIST_LENGTH).fill(undefined)
  const calls = new Array<C | undefined>(LIST_LENGTH).fill(undefined)
  const settled = Promise.resolve()
  let length = 0

  function watchListed(): void {
    for (let i = 0; i < length; i++) {
      if (!calls[i]!.hasEnded) registry.register(objects[i]!, calls[i]!)
      objects[i] = undefined
      calls[i] = undefined
    }
    length = 0
  }

  return function watchForDrop(object, call) {
    if (length === LIST_LENGTH) watchListed()
    if (length === 0) void Reflect.apply(then, settled, [watchListed])
    objects[length] = object
    calls[length++] = call
  }
}
