import { describe, expect, test } from 'vitest'
import { createControl, type Control } from '../../../src/control/control.ts'
import { RULES_SIZE_BYTES, SharedRules } from '../../../src/control/shared-rules.ts'
import {
  Controls,
  controlsSizeBytes,
  RECORD_EVERYTHING,
  type Control as FunctionControl,
} from '../../../src/queue/controls.ts'
import { NAME_FUNCTION, NameLog } from '../../../src/queue/name-log.ts'

const EVERYTHING = RECORD_EVERYTHING

/** What the threads of a process share, and as many of them as a test wants. */
function fakeProcess(functions = 1000) {
  const memory = new SharedArrayBuffer(RULES_SIZE_BYTES)
  const nameMemory = new SharedArrayBuffer(1 << 20)
  const controlMemory = new SharedArrayBuffer(controlsSizeBytes(functions + 2))

  function thread(threadId: number) {
    const names = new NameLog(nameMemory, { functions, errorTypes: 10 }, threadId)
    const controls = new Controls(controlMemory, functions + 2)
    const rules = new SharedRules(memory, names, controls, threadId)
    return {
      rules,
      controls,
      control: createControl(() => rules, { rules: [] }),
      capture: (name: string, options?: Partial<FunctionControl>) => {
        const id = names.idOf(NAME_FUNCTION, name)
        rules.admit(id, options && { ...EVERYTHING, ...options })
        return id
      },
      of: (name: string) => controls.get(names.find(NAME_FUNCTION, name)!),
      changes: () => controls.version,
    }
  }

  return { thread, words: new Int32Array(memory) }
}

describe('rules of a process', () => {
  test('apply to functions of before and after, in every thread', () => {
    const { thread } = fakeProcess()
    const [main, worker] = [thread(0), thread(1)]
    main.capture('orders.place')
    worker.control('orders.*', { enabled: false })
    main.capture('orders.cancel')
    worker.capture('orders.find')
    main.capture('users.find')
    for (const name of ['orders.place', 'orders.cancel', 'orders.find']) {
      expect(main.of(name)).toEqual({ ...EVERYTHING, enabled: false })
    }
    expect(main.of('users.find')).toEqual(EVERYTHING)
    main.control('orders.find', { enabled: true, sample: 0.5 })
    expect(worker.of('orders.find')).toEqual({ enabled: true, slowerThanNs: 0, oneIn: 2 })
    expect(worker.control.rules()).toEqual(main.control.rules())
  })

  test('come before the own options, which count again when they are gone', () => {
    const { thread } = fakeProcess()
    const main = thread(0)
    const own = { slowerThanNs: 1000, oneIn: 10 }
    main.capture('work', own)
    expect(main.of('work')).toEqual({ ...EVERYTHING, ...own })
    main.control('*', { sample: null })
    expect(main.of('work')).toEqual({ ...EVERYTHING, slowerThanNs: 1000 })
    main.control('*', { slowerThan: '5ms' })
    expect(main.of('work')).toEqual({ ...EVERYTHING, slowerThanNs: 5e6 })
    main.control.reset()
    expect(main.of('work')).toEqual({ ...EVERYTHING, ...own })
    main.capture('work', { oneIn: 3 })
    expect(main.of('work')).toEqual({ ...EVERYTHING, oneIn: 3 })
  })

  test('those of the program come after those of the file, whichever is set last', () => {
    const { thread } = fakeProcess()
    const main = thread(0)
    main.capture('work')
    main.control('work', { enabled: true })
    main.rules.change('file', () => [{ function: 'work', enabled: false, sample: 0.1 }])
    expect(main.of('work')).toEqual({ ...EVERYTHING, oneIn: 10 })
    expect(main.control.rules()).toEqual([
      { function: 'work', enabled: false, sample: 0.1, source: 'file' },
      { function: 'work', enabled: true, source: 'program' },
    ])
    main.control.reset('work')
    expect(main.of('work')).toEqual({ enabled: false, slowerThanNs: 0, oneIn: 10 })
    main.rules.change('file', () => [])
    expect(main.of('work')).toEqual(EVERYTHING)
  })

  test('hold for (other) by that name, and options of one function do not become those of all', () => {
    const { thread } = fakeProcess(1)
    const main = thread(0)
    main.capture('first')
    main.control('(other)', { sample: 0.5 })
    main.capture('second', { slowerThanNs: 99 })
    expect(main.of('(other)')).toEqual({ ...EVERYTHING, oneIn: 2 })
    main.control('second', { enabled: false })
    expect(main.of('(other)').enabled).toBe(true)
  })

  test('what is more than there is room for is refused, and nothing changes', () => {
    const { thread } = fakeProcess()
    const main = thread(0)
    main.control('work', { enabled: false })
    const many = Array.from({ length: 1100 }, (_, i) => ({
      function: `${i}`.padEnd(1000, 'x'),
      enabled: false,
    }))
    expect(() => main.rules.change('file', () => many)).toThrow(RangeError)
    expect(main.control.rules()).toEqual([{ function: 'work', enabled: false, source: 'program' }])
    main.control('work', { enabled: true })
    expect(thread(1).control.rules()).toHaveLength(1)
  })

  test('without rules and options a capture leaves shared memory alone', () => {
    const { thread, words } = fakeProcess()
    thread(0).capture('work')
    expect([...words]).toEqual(Array(words.length).fill(0))
    expect(thread(0).changes()).toBe(0)
  })

  test('a change that changes nothing is none', () => {
    const { thread, words } = fakeProcess()
    const main = thread(0)
    main.capture('work')
    main.control('work', { enabled: false })
    const before = [...words]
    main.control('work', { enabled: false })
    main.control.reset('something else')
    expect([...words]).toEqual(before)
    expect(main.changes()).toBe(1)
  })

  test('what a thread that died had begun to apply is applied by another', () => {
    const { thread, words } = fakeProcess()
    const main = thread(0)
    const id = main.capture('work')
    main.control('work', { enabled: false })
    main.controls.set(id, EVERYTHING) // as if the change had not come that far
    main.rules.settle()
    expect(main.of('work').enabled).toBe(true) // it was done, as far as anybody knows
    words[4] = words[1]! - 1
    thread(1).rules.settle()
    expect(main.of('work').enabled).toBe(false)
    expect(words[4]).toBe(words[1])
  })

  test('a thread that died with the lock keeps nobody for long', () => {
    const { thread, words } = fakeProcess()
    const main = thread(0)
    main.capture('work')
    words[0] = 8 // thread 7
    main.rules.releaseDead(8)
    expect(words[0]).toBe(0)
    words[0] = 8 // and its end was not seen
    main.control('work', { enabled: false })
    expect(main.of('work').enabled).toBe(false)
    expect(words[0]).toBe(0)
  })
})

describe('control', () => {
  const before = (): Control => createControl(() => undefined, { rules: [] })

  test('can be told before anything is captured', () => {
    const pending = { rules: [] }
    const control = createControl(() => undefined, pending)
    control('a', { enabled: false })
    control('a', { sample: 0.5 })
    control('b', { slowerThan: 5 })
    expect(control.rules()).toEqual([
      { function: 'a', enabled: false, sample: 0.5, source: 'program' },
      { function: 'b', slowerThan: 5, source: 'program' },
    ])
    control.reset('a')
    expect(pending.rules).toEqual([{ function: 'b', slowerThan: 5 }])
  })

  test.each<[unknown[], typeof Error, string]>([
    [[], TypeError, 'control: pattern must be a name'],
    [['', { enabled: true }], RangeError, 'control: pattern must have 1 to 1000'],
    [[/x/, { enabled: true }], TypeError, 'control: pattern must be a name'],
    [['x'], TypeError, 'control: settings must be an object'],
    [['x', false], TypeError, 'control: settings must be an object'],
    [['x', {}], TypeError, 'control: settings must have at least one of'],
    [['x', { disabled: true }], TypeError, 'control: settings: unknown option disabled'],
    [['x', { function: 'y' }], TypeError, 'control: settings: unknown option function'],
    [
      ['x', { slowerThan: '5 parsecs' }],
      RangeError,
      'control: slowerThan must be a duration such as',
    ],
    [['x', { sample: 50 }], RangeError, 'control: sample must be above 0'],
  ])('%j is refused, and nothing changes', (args, kind, message) => {
    const control = before()
    const call = () => (control as (...args: unknown[]) => void)(...args)
    expect(call).toThrow(kind)
    expect(call).toThrow(message)
    expect(control.rules()).toEqual([])
  })

  test('reset takes a pattern or nothing', () => {
    expect(() => (before().reset as (pattern: unknown) => void)(null)).toThrow(TypeError)
  })

  test('the rules it tells are copies', () => {
    const { thread } = fakeProcess()
    const { control } = thread(0)
    control('x', { enabled: false })
    control.rules()[0]!.function = 'y'
    expect(control.rules()[0]!.function).toBe('x')
  })
})
