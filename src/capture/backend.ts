/**
 * @module capture/backend
 * With what the functions of one thread are recorded: its producer, the names and controls that all threads share.
 */
import { parseDurationNs } from '../internal/duration.ts'
import { oneInOf } from '../internal/sampling.ts'
import type { Control, Controls } from '../queue/controls.ts'
import {
  NAME_ERROR_TYPE,
  NAME_FUNCTION,
  OVERFLOW_ID,
  OVERFLOW_NAME,
  type NameLog,
} from '../queue/name-log.ts'
import type { Producer } from '../queue/producer.ts'
import { createStepClock } from '../queue/step-clock.ts'
import type { ClockOriginMs } from '../queue/time-source.ts'
import { createAsyncParents } from './async-parents.ts'
import type { CaptureBackend } from './capture.ts'
import { errorTypeName } from './error-type.ts'
import { createOpenSpan } from './span.ts'
import { createWrapCallback } from './wrap-callback.ts'
import { createWrapDetailed } from './wrap-detailed.ts'
import { createWrapGenerator } from './wrap-generator.ts'
import { createStreamWrapping } from './wrap-stream.ts'
import { createWrapping } from './wrap.ts'

export interface BackendParts {
  producer: Producer
  clockOrigin: ClockOriginMs // of the producer's clock
  names: NameLog
  controls: Controls
  maxFunctions: number
  /** A function has got its id, or options of its own: sets its controls. Never throws. */
  admit: (functionId: number, own?: Control) => void
  /** Tells the user something that is no failure. Never throws. */
  warn: (message: string) => void
}

export function createBackend(parts: BackendParts): CaptureBackend {
  const { clockOrigin, admit, controls, maxFunctions, names, producer, warn } = parts
  const errorTypeNamed = (name: string): number => names.idOf(NAME_ERROR_TYPE, name)
  const errorType = (thrown: unknown): number => errorTypeNamed(errorTypeName(thrown))
  const hooks = { errorType, errorTypeNamed, off: controls.off }
  const parents = createAsyncParents(producer)
  const clock = createStepClock(clockOrigin)
  let warnedOfOverflow = false
  let warnedOfShortNames = false

  function warnOfOverflow(): void {
    if (warnedOfOverflow) return
    warnedOfOverflow = true
    const first = names.overflowed[0] ?? 'some other'
    warn(
      `more than ${maxFunctions} functions are captured: further ones are recorded together as ${OVERFLOW_NAME}, ` +
        `the first of them ${first} (health().overflowed has more; option maxFunctions)`,
    )
  }

  const wrapping = createWrapping(producer, hooks)
  const wrapDetailed = createWrapDetailed(producer, { ...hooks, parents })

  return {
    ...wrapping,
    wrapDetailed,
    wrapGenerator: createWrapGenerator(producer, clock, { ...hooks, parents }),
    ...createStreamWrapping(producer, clock, { ...hooks, parents }),
    wrapCallback: createWrapCallback(producer, hooks, (fn, id, details) =>
      details === undefined ? wrapping.wrap(fn, id) : wrapDetailed(fn, id, details),
    ),
    openSpan: createOpenSpan(producer, hooks),
    record(functionId, durationNs, { thrown, attributes }) {
      if (controls.off[functionId] === 1) return
      if (attributes !== undefined) producer.annotate(NaN, attributes)
      producer.record(functionId, durationNs, thrown === undefined ? 0 : errorType(thrown.value))
    },
    idOf(name) {
      const known = names.find(NAME_FUNCTION, name)
      if (known !== undefined) return known
      const id = names.idOf(NAME_FUNCTION, name)
      admit(id)
      return id
    },
    describe(id, { sample, slowerThan }, place) {
      if (id === OVERFLOW_ID) {
        warnOfOverflow()
        return
      }
      if (place !== undefined) names.setPlace(id, place)
      if (sample === undefined && slowerThan === undefined) return
      admit(id, {
        enabled: true,
        slowerThanNs: slowerThan === undefined ? 0 : parseDurationNs(slowerThan, 'slowerThan'),
        oneIn: sample === undefined ? 1 : oneInOf(sample, 'sample'),
      })
    },
    warnOfShortName(name) {
      if (warnedOfShortNames) return
      warnedOfShortNames = true
      warn(
        `a function is captured under the name ${name}, which looks like a minifier's; ` +
          `names of your own stay: capture('name', fn)`,
      )
    },
  }
}
