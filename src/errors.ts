/**
 * @module errors
 * Every error that Kronicler raises on purpose. Programs switch on `code`; the message is for people.
 */

export type ErrorCode =
  | 'KRONICLER_CLOSED' // used after close()
  | 'KRONICLER_STARTED' // configure() after recording has begun
  | 'KRONICLER_NOT_FOUND' // the directory is missing, or is not a Kronicler directory
  | 'KRONICLER_VERSION' // written by a newer version than this one reads
  | 'KRONICLER_CORRUPT' // a checksum or an invariant does not hold
  | 'KRONICLER_TORN' // the last frame of a log is incomplete: a crash cut it off
  | 'KRONICLER_IO' // the operating system refused a read or a write
  | 'KRONICLER_CONTROL' // the control file cannot be used; the rules before it hold on
  | 'KRONICLER_WRITER' // the background thread failed
  | 'KRONICLER_NAMES' // a warning: names of functions are cut short, or there are too many
  | 'KRONICLER_DRIVER' // an output needs a package that is not installed
  | 'KRONICLER_OUTPUT' // an output cannot be used as it is, or saving to it failed
  | 'KRONICLER_USAGE' // a command line that cannot be understood

export class KroniclerError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** A file that cannot be trusted from `offset` on; what is readable elsewhere still is. */
export class CorruptionError extends KroniclerError {
  /** The damaged file. */
  readonly path: string
  /** Byte in the file at which the damaged part begins. */
  readonly offset: number
  readonly reason: string

  constructor(
    path: string,
    offset: number,
    reason: string,
    options?: ErrorOptions & {
      code?: 'KRONICLER_CORRUPT' | 'KRONICLER_TORN' | 'KRONICLER_VERSION'
    },
  ) {
    const code = options?.code ?? 'KRONICLER_CORRUPT'
    const word =
      code === 'KRONICLER_TORN' ? 'torn' : code === 'KRONICLER_VERSION' ? 'too new' : 'corrupt'
    super(code, `${path}: ${word} at byte ${offset}: ${reason}`, options)
    this.path = path
    this.offset = offset
    this.reason = reason
  }
}
