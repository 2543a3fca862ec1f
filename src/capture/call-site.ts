/**
 * @module capture/call-site
 * Where in the user's code something was called from.
 */
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AnyFunction } from './wrap.ts'

/** What compilers put between a decorator and the class that it stands in. */
const DECORATOR_HELPER =
  /\b(?:__esDecorate|__decorate\w*|__runInitializers|_?applyDecs\w*|_ts_decorate\w*)\b/
const FRAMES = 8

/**
 * The place from which `boundary`, a call of which is under way, was called.
 *
 * @returns `src/orders.ts:12`, from the working directory on if the file lies in it; undefined if it cannot be told
 */
export function callSiteOf(boundary: AnyFunction): string | undefined {
  const frames = stackAbove(boundary)
  const frame = frames.find((line) => !DECORATOR_HELPER.test(line))
  const match = /\(?((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):\d+\)?$/.exec(frame ?? '')
  if (match === null) return undefined
  return `${readable(match[1]!)}:${match[2]!}`
}

function stackAbove(boundary: AnyFunction): string[] {
  const limit = Error.stackTraceLimit
  const holder: { stack?: unknown } = {}
  try {
    Error.stackTraceLimit = FRAMES
    Error.captureStackTrace(holder, boundary)
    const { stack } = holder // a formatter of the user's may make anything of it
    return typeof stack === 'string' ? stack.split('\n').slice(1) : []
  } catch {
    return []
  } finally {
    Error.stackTraceLimit = limit
  }
}

function readable(file: string): string {
  try {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file
    const inside = relative(process.cwd(), path)
    return inside.startsWith('..') ? path : inside.split(sep).join('/')
  } catch {
    return file // the working directory is gone
  }
}
