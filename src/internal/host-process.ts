/**
 * @module internal/host-process
 * The process itself, and its events. Test runners run modules in realms of their own and give them a copy of `process`
 * whose events never come; and a realm for every test file would soon mean more listeners than Node.js takes without a
 * warning. So all realms of a thread share one listener for each event.
 */
import { runInThisContext } from 'node:vm'

export const isDeno = process.versions['deno'] !== undefined

type Listener = (...values: unknown[]) => void

/** By event; on the process, where every realm finds it, whichever copy of the package it has loaded. */
const LISTENERS = Symbol.for('kronicler.listeners')

type ListenersByEvent = Map<string, Set<Listener>>

export function hostProcess(): NodeJS.Process {
  if (isDeno) return process // there it is the other one whose events never come
  try {
    // evaluated outside of all realms that anybody has made
    const host = runInThisContext('process') as NodeJS.Process | undefined
    if (typeof host?.on === 'function') return host
  } catch {
    // a runtime that cannot: then there are no realms either
  }
  return process
}

/**
 * Whether this code runs in a realm of its own: that of a file under test. Its process is ended as soon as the runner has
 * its results, with little time for the many realms that it holds.
 */
export function isInOwnRealm(): boolean {
  if (isDeno) return false
  try {
    return runInThisContext('globalThis') !== globalThis
  } catch {
    return false
  }
}

/**
 * Has `listener` called at the event, after those that other realms of the thread have added. What a listener throws does not
 * keep others from being called.
 *
 * @param event  name of the event among all realms
 * @param listen called once in a thread: has `dispatch` called whenever the event comes
 */
export function shareListener<Values extends unknown[]>(
  event: string,
  listener: (...values: Values) => void,
  listen: (host: NodeJS.Process, dispatch: (...values: Values) => void) => void,
): void {
  const host = hostProcess() as NodeJS.Process & { [LISTENERS]?: ListenersByEvent | undefined }
  const byEvent: ListenersByEvent = (host[LISTENERS] ??= new Map<string, Set<Listener>>())
  const known = byEvent.get(event)
  if (known !== undefined) {
    known.add(listener as Listener)
    return
  }
  const listeners = new Set<Listener>([listener as Listener])
  byEvent.set(event, listeners)
  listen(host, (...values) => {
    for (const each of listeners) {
      try {
        each(...values)
      } catch {
        // a realm that is being taken down must not keep the others from storing their rows
      }
    }
  })
}
