/**
 * @module writer/exit-hooks
 * The ways in which a process ends while its code still runs.
 */

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** Calls back when the process exits: at its natural end, by `process.exit()`, by an uncaught exception. */
export function onProcessExit(onExit: () => void): void {
  realProcess().on('exit', onExit)
}

/**
 * Calls back on SIGTERM, SIGINT and SIGHUP; where nobody else listens, the signal then does what it would have done.
 *
 * Ours comes first and takes itself off the list: other listeners that end the process only if they are alone (signal-exit,
 * in many packages) then count right. It comes back for the next signal.
 */
export function onEndingSignal(onSignal: () => void): void {
  const owner = realProcess()
  for (const signal of SIGNALS) {
    const listener = (): void => {
      onSignal()
      owner.removeListener(signal, listener)
      // a listener for one event only is still counted, because it comes later
      if (owner.listenerCount(signal) === 0) {
        owner.kill(owner.pid, signal)
        return
      }
      setImmediate(() => {
        owner.prependListener(signal, listener)
      }).unref()
    }
    owner.prependListener(signal, listener)
  }
}

/** Test runners give modules a copy of `process` whose events never come. */
function realProcess(): NodeJS.Process {
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => NodeJS.Process }
  return getBuiltinModule?.('node:process') ?? process
}
