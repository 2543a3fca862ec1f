/**
 * @module capture/measure
 * Recording without wrapping: `span`, `record`, `captureStream`, and `captureCallback` for functions in callback style.
 */
import { checkOptionNames, kindOf } from '../internal/check-options.ts'
import { createAttributeEncoder } from './attributes.ts'
import { callSiteOf } from './call-site.ts'
import { detailsIn } from './call-details.ts'
import type { CaptureBackend } from './capture.ts'
import { nameOfFunction } from './naming.ts'
import { checkCaptureOptions, checkName, type CaptureOptions } from './options.ts'
import { isStream } from './observe-stream.ts'
import { SPAN_OF_NOTHING, type Span } from './span.ts'
import type { AnyFunction } from './wrap.ts'

type Callable = (this: never, ...args: never[]) => unknown

export interface RecordOptions {
  error?: unknown // what was thrown; its class name is recorded (default: nothing was)
  attributes?: unknown // what JSON can say, stored with the call; secrets are blotted out (default: nothing)
}

export interface StreamOptions {
  attributes?: unknown // what JSON can say, stored with the call; secrets are blotted out (default: nothing)
}

export interface Measure {
  span: {
    (name: string): Span
    <T>(name: string, fn: () => T): T
  }
  record: (name: string, durationNs: number, options?: RecordOptions) => void
  captureStream: <S extends object>(name: string, stream: S, options?: StreamOptions) => S
  captureCallback: {
    <F extends Callable>(fn: F, options?: CaptureOptions): F
    <F extends Callable>(name: string, fn: F, options?: Omit<CaptureOptions, 'name'>): F
  }
}

const LONGEST_NS = Number.MAX_SAFE_INTEGER
const RECORD_OPTIONS = ['error', 'attributes']

/** @param activeBackend gives undefined while capture is disabled */
export function createMeasure(activeBackend: () => CaptureBackend | undefined): Measure {
  const encode = createAttributeEncoder({})

  function span(name: string, fn?: () => unknown): unknown {
    checkName(name, 'span')
    if (fn !== undefined) assertFunction(fn, 'span')
    const backend = activeBackend()
    if (backend === undefined) return fn === undefined ? SPAN_OF_NOTHING : fn()
    const id = backend.idOf(name)
    return fn === undefined ? backend.openSpan(id, encode) : backend.run(fn, id)
  }

  function record(name: string, durationNs: number, options: RecordOptions = {}): void {
    checkName(name, 'record')
    checkOptionNames(options, 'record: options', RECORD_OPTIONS)
    if (typeof durationNs !== 'number') {
      throw new TypeError(`record: durationNs must be a number, not ${kindOf(durationNs)}`)
    }
    if (!(durationNs >= 0 && durationNs <= LONGEST_NS)) {
      throw new RangeError(`record: durationNs must be from 0 to 2^53 - 1, not ${durationNs}`)
    }
    const backend = activeBackend()
    if (backend === undefined) return
    backend.record(backend.idOf(name), Math.round(durationNs), {
      thrown: options.error === undefined ? undefined : { value: options.error },
      attributes: options.attributes === undefined ? undefined : encode(options.attributes),
    })
  }

  function captureStream(name: string, stream: object, options: StreamOptions = {}): object {
    checkName(name)
    if (!isStream(stream)) {
      throw new TypeError(`captureStream: expected a stream, not ${kindOf(stream)}`)
    }
    const backend = activeBackend()
    if (backend === undefined) return stream
    const { attributes } = options
    const text = attributes === undefined ? undefined : encode(attributes)
    backend.followStream(stream, backend.idOf(name), text)
    return stream
  }

  function captureCallback(first: unknown, second?: unknown, third?: unknown): unknown {
    const named = typeof first === 'string'
    const fn = named ? second : first
    assertFunction(fn, 'captureCallback')
    const given = checkCaptureOptions((named ? third : second) ?? {})
    const options = named ? checkCaptureOptions({ ...given, name: first }) : given
    const backend = activeBackend()
    if (backend === undefined) return fn
    const boundary = captureCallback as AnyFunction
    const id = backend.idOf(options.name ?? nameOfFunction(fn, boundary))
    backend.describe(id, options, callSiteOf(boundary))
    return backend.wrapCallback(fn, id, detailsIn(options))
  }

  return { span, record, captureStream, captureCallback } as Measure
}

function assertFunction(fn: unknown, of: string): asserts fn is AnyFunction {
  if (typeof fn !== 'function') throw new TypeError(`${of}: expected a function, not ${kindOf(fn)}`)
}
