import { createCapture, type Capture } from '../../../src/capture/capture.ts'
import { errorTypeName } from '../../../src/capture/error-type.ts'
import { createMeasure, type Measure } from '../../../src/capture/measure.ts'
import { createOpenSpan } from '../../../src/capture/span.ts'
import { createWrapCallback } from '../../../src/capture/wrap-callback.ts'
import { createWrapping } from '../../../src/capture/wrap.ts'
import {
  createSharedMemory,
  FAILED_BIT,
  FUNCTION_ID_MASK,
  headWord,
  tailWord,
} from '../../../src/queue/layout.ts'
import { NAME_ERROR_TYPE, NAME_FUNCTION, NameLog } from '../../../src/queue/name-log.ts'
import { createProducer } from '../../../src/queue/producer.ts'

export interface RecordedCall {
  name: string
  durationNs: number
  depth: number
  asynchronous: boolean
  error: string | undefined
}

/** A `capture` over a ring that nobody drains, and what has been recorded in it since the last look. */
export function fakeRecorder(): Measure & { capture: Capture; taken: () => RecordedCall[] } {
  const memory = createSharedMemory(4096, { names: 1 << 20, slab: 1024 })
  const names = new NameLog(memory.names, { functions: 1000, errorTypes: 100 }, 0)
  const control = new Int32Array(memory.control)
  const producer = createProducer(memory, 0, {
    start: () => undefined,
    pressure: () => undefined,
    mayWait: () => false,
    refused: () => undefined,
  })
  const errorType = (thrown: unknown): number => names.idOf(NAME_ERROR_TYPE, errorTypeName(thrown))
  const backend = {
    ...createWrapping(producer, { errorType }),
    wrapCallback: createWrapCallback(producer, { errorType }),
    openSpan: createOpenSpan(producer, { errorType }),
    record: (functionId: number, durationNs: number, thrown: { value: unknown } | undefined) => {
      producer.record(functionId, durationNs, thrown === undefined ? 0 : errorType(thrown.value))
    },
    idOf: (name: string) => names.idOf(NAME_FUNCTION, name),
  }
  const capture = createCapture(() => backend)
  const words = new Uint32Array(memory.rings[0]!)
  const times = new BigUint64Array(memory.rings[0]!)

  function taken(): RecordedCall[] {
    const calls: RecordedCall[] = []
    for (let i = control[tailWord(0)]!; i < control[headWord(0)]!; i++) {
      const word = i * 8
      const failed = words[word + 4]! >= FAILED_BIT
      calls.push({
        name: names.nameOf(NAME_FUNCTION, words[word + 4]! & FUNCTION_ID_MASK)!,
        durationNs: Number(times[i * 4 + 1]! - times[i * 4]!),
        depth: words[word + 5]! & 0xffff,
        asynchronous: words[word + 5]! >>> 16 === 1,
        error: failed ? names.nameOf(NAME_ERROR_TYPE, words[word + 6]!) : undefined,
      })
    }
    control[tailWord(0)] = control[headWord(0)]!
    return calls
  }

  return { capture, ...createMeasure(() => backend), taken }
}
