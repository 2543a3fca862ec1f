/**
 * @module writer/exit-hooks
 * The ways in which a process ends while its code still runs.
 */
import { setImmediate } from 'node:timers'
import { isDeno, shareListener } from '../internal/host-process.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Calls back when the process exits: at its natural end, by `process.exit()`, by an uncaught exception. */
export function onProcessExit(onExit: () => void): void {
  shareListener('exit', onExit, (host, dispatch) => host.on('exit', dispatch))
}

/** Calls back when nothing keeps the thread alive any more: what is begun then does, and is waited for. */
export function onNaturalEnd(onEnd: () => void): void {
  shareListener('natural end', onEnd, (host, dispatch) => host.on('beforeExit', dispatch))
}

/**
 * Calls back when an error has been caught by nobody, in a runtime (Deno) that then ends without an exit event. The program may
 * go on, if it listens for such errors.
 */
export function onUncaughtError(onError: () => void): void {
  if (!isDeno) return
  shareListener('uncaught error', onError, (host, dispatch) => {
    host.on('uncaughtExceptionMonitor', dispatch)
  })
}

/** Calls back whenever a thread that this one has started has ended, with the id it had. */
export function onThreadExit(onExit: (threadId: number) => void): void {
  shareListener('thread exit', onExit, (host, dispatch) => {
    host.on('worker', (worker) => {
      const { threadId } = worker // no longer known when it has ended
      worker.once('exit', () => {
        dispatch(threadId)
      })
    })
  })
}

/**
 * Calls back on SIGTERM, SIGINT and SIGHUP; where nobody else listens, the signal then does what it would have done.
 *
 * Ours comes first and takes itself off the list: other listeners that end the process only if they are alone (signal-exit,
 * in many packages) then count right. It comes back for the next signal.
 */
export function onEndingSignal(onSignal: () => void): void {
  // Deno calls listeners in the order in which they were added, so nobody could tell whether others listen
  if (isDeno) return
  shareListener('ending signal', onSignal, (host, dispatch) => {
    for (const signal of SIGNALS) {
      const listener = (): void => {
        dispatch()
        host.removeListener(signal, listener)
        // a listener for one event only is still counted, because it comes later
        if (host.listenerCount(signal) === 0) {
          host.kill(host.pid, signal)
          return
        }
        setImmediate(() => {
          host.prependListener(signal, listener)
        }).unref()
      }
      host.prependListener(signal, listener)
    }
  })
}
