import { createBackend } from '../../../src/capture/backend.ts'
import { createCapture, type Capture } from '../../../src/capture/capture.ts'
import { createMeasure, type Measure } from '../../../src/capture/measure.ts'
import { RULES_SIZE_BYTES, SharedRules } from '../../../src/control/shared-rules.ts'
import { CALL_TREE_BYTES } from '../../../src/queue/call-tree.ts'
import { Controls, controlsSizeBytes } from '../../../src/queue/controls.ts'
import { DetailRing } from '../../../src/queue/detail-ring.ts'
import {
  ASYNC_BIT,
  createSharedMemory,
  DEPTH_SHIFT,
  DETAILED_BIT,
  FAILED_BIT,
  FUNCTION_ID_MASK,
  headWord,
  MAX_DEPTH,
  tailWord,
} from '../../../src/queue/layout.ts'
import { NAME_ERROR_TYPE, NAME_FUNCTION, NameLog } from '../../../src/queue/name-log.ts'
import { createProducer } from '../../../src/queue/producer.ts'

const CAPACITY = 4096

export interface RecordedCall {
  name: string
  durationNs: number
  depth: number
  asynchronous: boolean
  parent: string | undefined
  error: string | undefined
  childrenNs: number | undefined // as a detailed call says; NaN: as the stack tells
  attributes: Record<string, unknown> | undefined
}

/** A `capture` over a ring that nobody drains, and what has been recorded in it since the last look. */
export function fakeRecorder(): Measure & {
  capture: Capture
  taken: () => RecordedCall[]
  controls: Controls
  names: NameLog
  warnings: string[]
} {
  const memory = createSharedMemory(
    CAPACITY,
    {
      names: 1 << 20,
      slab: 1024,
      controls: controlsSizeBytes(1000),
      rules: RULES_SIZE_BYTES,
      callTree: CALL_TREE_BYTES,
    },
    undefined,
  )
  const names = new NameLog(memory.names, { functions: 1000, errorTypes: 100 }, 0)
  const control = new Int32Array(memory.control)
  const controls = new Controls(memory.controls, 1000)
  const rules = new SharedRules(memory.rules, names, controls, 0)
  const details = new DetailRing(memory, 0)
  const warnings: string[] = []
  const producer = createProducer(memory, 0, {
    start: () => undefined,
    pressure: () => undefined,
    mayWait: () => false,
    refused: () => undefined,
  })
  const backend = createBackend({
    producer,
    clockOrigin: undefined,
    names,
    controls,
    admit: (id, own) => {
      rules.admit(id, own)
    },
    maxFunctions: 1000,
    warn: (message) => warnings.push(message),
  })
  const capture = createCapture(() => backend)
  const words = new Uint32Array(memory.rings[0]!)
  const times = new BigUint64Array(memory.rings[0]!)

  function taken(): RecordedCall[] {
    const calls: RecordedCall[] = []
    for (let i = control[tailWord(0)]!; i < control[headWord(0)]!; i++) {
      const record = i & (CAPACITY - 1)
      const word = record * 8
      const functionWord = words[word + 4]!
      const parentWord = words[word + 5]!
      const entry = (parentWord & DETAILED_BIT) === 0 ? undefined : details.find(details.tail, i)
      if (entry !== undefined) details.release(entry.next)
      const attributes = entry?.attributes && Buffer.from(entry.attributes).toString()
      calls.push({
        name: names.nameOf(NAME_FUNCTION, functionWord & FUNCTION_ID_MASK)!,
        durationNs: Number(times[record * 4 + 1]! - times[record * 4]!),
        depth: (functionWord >>> DEPTH_SHIFT) & MAX_DEPTH,
        asynchronous: (parentWord & ASYNC_BIT) !== 0,
        parent: names.nameOf(NAME_FUNCTION, parentWord & FUNCTION_ID_MASK),
        error:
          functionWord >= FAILED_BIT ? names.nameOf(NAME_ERROR_TYPE, words[word + 6]!) : undefined,
        childrenNs: entry?.childrenNs,
        attributes:
          attributes === undefined
            ? undefined
            : (JSON.parse(attributes) as Record<string, unknown>),
      })
    }
    control[tailWord(0)] = control[headWord(0)]!
    return calls
  }

  return { capture, ...createMeasure(() => backend), taken, controls, names, warnings }
}
