import { execFile, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ActiveRule, ControlSettings } from 'kronicler'
import { openDatabase } from 'kronicler/database'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeControl } from '../../src/control/control-file.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const FIXTURE = fileURLToPath(new URL('./fixtures/controlled.mjs', import.meta.url))
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const PATIENCE = { timeout: 30_000, interval: 50 }

interface Accounts {
  flushed: boolean
  dropped: number
  filtered: number
  queued: number
  stored: number
  writer: string
}

/** A program that runs and does what it is told. */
class Program {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (reply: { answer?: unknown; error?: string }) => void>()
  #next = 0
  stderr = ''

  constructor(directory: string) {
    this.#child = fork(FIXTURE, [], {
      env: { ...process.env, NODE_OPTIONS: '', KRONICLER_DIR: directory },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr!.on('data', (text: Buffer) => (this.stderr += text.toString()))
    this.#child.on(
      'message',
      ({ id, ...reply }: { id: number; answer?: unknown; error?: string }) => {
        this.#waiting.get(id)?.(reply)
        this.#waiting.delete(id)
      },
    )
  }

  /** @param thread as `start` answered; undefined: the main thread */
  async tell<T = undefined>(command: string, rest: object = {}, thread?: number): Promise<T> {
    const id = this.#next++
    const reply = new Promise<{ answer?: unknown; error?: string }>((resolve) => {
      this.#waiting.set(id, resolve)
    })
    this.#child.send({ id, thread, command, ...rest })
    const { answer, error } = await reply
    if (error !== undefined) throw new Error(error)
    return answer as T
  }

  call(name: string, times: number, thread?: number): Promise<undefined> {
    return this.tell('call', { name, times }, thread)
  }

  control(pattern: string, settings: ControlSettings, thread?: number): Promise<undefined> {
    return this.tell('set', { pattern, settings }, thread)
  }

  /** A thread that shares the recording: it is started after the first capture. @returns for `thread` */
  async startThread(): Promise<number> {
    await this.tell('capture', { name: 'main' })
    return this.tell('start')
  }

  /** Calls in the metrics. */
  metrics(...names: string[]): Promise<number[]> {
    return this.tell('metrics', { names })
  }

  async rulesOfFile(): Promise<ActiveRule[]> {
    const rules = await this.tell<ActiveRule[]>('rules')
    return rules.filter(({ source }) => source === 'file')
  }

  accounts(): Promise<Accounts> {
    return this.tell('health')
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    await this.tell('end')
    await closed
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

let directory: string
let program: Program

beforeEach(() => {
  directory = join(temporaryDirectory(), 'calls')
  program = new Program(directory)
})

afterEach(() => {
  program.kill()
})

async function kronicler(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, '--dir', directory, ...args])
  return stdout
}

/** Rows by function. */
async function rowsOf(...names: string[]): Promise<number[]> {
  const database = await openDatabase(directory)
  const calls = await database.tail(100_000)
  await database.close()
  return names.map((name) => calls.filter((call) => call.function === name).length)
}

async function untilRulesOfFile(expected: object[]): Promise<void> {
  await expect.poll(() => program.rulesOfFile(), PATIENCE).toEqual(expected)
}

describe('from outside', () => {
  test('a function is switched off and on again, in all threads: off means neither rows nor metrics', async () => {
    const thread = await program.startThread()
    const names = ['orders.place', 'users.find']
    for (const name of names) {
      await program.call(name, 100)
      await program.call(name, 50, thread)
    }
    await program.accounts()
    expect(await kronicler('control', 'set', 'orders.*', '--off')).toContain('orders.place')
    await untilRulesOfFile([{ function: 'orders.*', enabled: false, source: 'file' }])
    for (const name of [...names, 'orders.cancel']) {
      await program.call(name, 100)
      await program.call(name, 50, thread)
    }
    await program.tell('span', { name: 'orders.span', times: 10 })
    await program.tell('record', { name: 'orders.record', durationsNs: [1, 2, 3] }, thread)
    const all = [...names, 'orders.cancel', 'orders.span', 'orders.record']
    expect(await program.metrics(...all)).toEqual([150, 300, 0, 0, 0])
    expect(await program.accounts()).toMatchObject({ flushed: true, stored: 450, filtered: 0 })
    expect(await rowsOf(...all)).toEqual([150, 300, 0, 0, 0])

    await kronicler('control', 'set', 'orders.*', '--on')
    await untilRulesOfFile([{ function: 'orders.*', enabled: true, source: 'file' }])
    for (const name of all) {
      await program.call(name, 1)
      await program.call(name, 1, thread)
    }
    expect(await program.metrics(...all)).toEqual([152, 302, 2, 2, 2])
    await program.accounts()
    expect(await rowsOf(...all)).toEqual([152, 302, 2, 2, 2])
    await program.end()
    expect(program.stderr).toBe('')
  })

  test('every program that writes to the directory follows, also one whose interval is long', async () => {
    const other = new Program(directory)
    try {
      await program.call('work', 1)
      await other.tell('configure', { options: { intervalMs: 10_000 } })
      await other.call('work', 1)
      await program.accounts()
      await kronicler('control', 'set', 'work', '--off')
      const expected = [{ function: 'work', enabled: false, source: 'file' }]
      await untilRulesOfFile(expected)
      await expect.poll(() => other.rulesOfFile(), { ...PATIENCE, timeout: 9000 }).toEqual(expected)
    } finally {
      other.kill()
    }
  })

  test('a sample: calls made = stored + filtered + dropped, failed ones are all stored', async () => {
    const thread = await program.startThread()
    await program.call('work', 1)
    await program.accounts()
    await kronicler('control', 'set', 'work', '--sample', '0.1', '--slower-than', '1ms')
    await untilRulesOfFile([{ function: 'work', slowerThan: '1ms', sample: 0.1, source: 'file' }])
    // durations of its own, so that what is slow does not depend on the machine
    const short = Array(5000).fill(999_999)
    const long = Array(10_000).fill(1_000_000)
    // while nobody knows what is slow, all are stored
    let learning = 0
    const filteredWhileLearning = async () => {
      learning += 200
      await program.tell('record', { name: 'work', durationsNs: long.slice(0, 200) })
      return (await program.accounts()).filtered
    }
    await expect.poll(filteredWhileLearning, PATIENCE).toBeGreaterThan(0)
    for (const where of [undefined, thread]) {
      await program.tell('record', { name: 'work', durationsNs: long }, where)
      await program.tell('record', { name: 'work', durationsNs: short }, where)
      await program.tell('call', { name: 'work', times: 1000, failing: true }, where)
    }
    const { dropped, filtered, queued, stored } = await program.accounts()
    const made = 1 + learning + 2 * (10_000 + 5000 + 1000)
    expect(await program.metrics('work')).toEqual([made])
    expect(queued).toBe(0)
    expect(stored + filtered + dropped).toBe(made)
    expect(dropped).toBe(0)
    const database = await openDatabase(directory)
    const rows = await database.tail(100_000)
    expect(await database.filtered()).toBe(filtered)
    expect(rows).toHaveLength(stored)
    await database.close()
    expect(rows.filter(({ error }) => error === 'TypeError')).toHaveLength(1000)
    expect(rows.filter(({ durationNs }) => durationNs === 999_999)).toEqual([])
    const sampled = rows.filter(({ durationNs }) => durationNs === 1_000_000)
    expect(sampled.length).toBeLessThan(20_000)
    expect(sampled.length).toBeGreaterThan(1000)
  })

  test('what the file says holds from the first call of a program on', async () => {
    mkdirSync(directory)
    writeFileSync(
      join(directory, 'control.json'),
      encodeControl([{ function: 'work', enabled: false }]),
    )
    await program.call('work', 10)
    await program.call('other', 10)
    expect(await program.metrics('work', 'other')).toEqual([0, 10])
    await program.end()
    expect(await rowsOf('work', 'other')).toEqual([0, 10])
  })

  test('of another directory than the first capture had, too', async () => {
    for (const [name, enabled] of [
      ['first', false],
      ['second', true],
    ] as const) {
      mkdirSync(join(directory, name), { recursive: true })
      const rules = [
        { function: 'work', enabled },
        { function: 'other', enabled: !enabled },
      ]
      writeFileSync(join(directory, name, 'control.json'), encodeControl(rules))
    }
    await program.tell('configureAround', {
      before: { directory: join(directory, 'first') },
      name: 'work',
      after: { directory: join(directory, 'second') },
    })
    await program.call('work', 10)
    await program.call('other', 10)
    expect(await program.metrics('work', 'other')).toEqual([10, 0])
  })

  test('when the file is gone, so are its rules', async () => {
    await program.tell('capture', { name: 'work', options: { slowerThan: '1s' } })
    await program.accounts()
    await program.call('other', 1)
    await program.accounts()
    await kronicler('control', 'set', 'work', '--slower-than', '0')
    await untilRulesOfFile([{ function: 'work', slowerThan: '0', source: 'file' }])
    await program.call('work', 10)
    await kronicler('control', 'reset')
    await untilRulesOfFile([])
    await program.call('work', 10)
    await program.accounts()
    expect(await program.metrics('work')).toEqual([20])
    expect(await rowsOf('work')).toEqual([10])
  })
})

describe('a broken file', () => {
  const broken = (message: string) => ({
    code: 'KRONICLER_CONTROL',
    message: expect.stringContaining(message),
  })
  const heard = () => program.tell<{ code: string }[]>('heard')

  test('changes nothing, is told once, and again when it has changed and is still broken', async () => {
    await program.tell('listen')
    await program.call('work', 1)
    await program.accounts()
    await kronicler('control', 'set', 'work', '--off')
    const good = [{ function: 'work', enabled: false, source: 'file' }]
    await untilRulesOfFile(good)
    const path = join(directory, 'control.json')
    writeFileSync(path, '{ "version": 1, "rules": [')
    await expect.poll(heard, PATIENCE).toHaveLength(1)
    writeFileSync(path, '{ "version": 1, "rules": [{ "function": "work" }] }')
    await expect.poll(heard, PATIENCE).toHaveLength(2)
    writeFileSync(path, '{ "version": 1, "rules": [{ "function": "work", "sample": 7 }] }')
    await expect.poll(heard, PATIENCE).toHaveLength(3)
    expect(await heard()).toEqual([broken('JSON'), broken('rules[0]: '), broken('sample must be')])
    expect(await program.rulesOfFile()).toEqual(good)
    await program.call('work', 10)
    expect(await program.metrics('work')).toEqual([1])
    writeFileSync(path, encodeControl([{ function: 'work', enabled: true }]))
    await untilRulesOfFile([{ function: 'work', enabled: true, source: 'file' }])
    await program.call('work', 10)
    expect(await program.metrics('work')).toEqual([11])
    expect(await heard()).toHaveLength(3)
    await program.end()
    expect(await rowsOf('work')).toEqual([11])
  })

  test('that is there from the beginning: everything is recorded', async () => {
    mkdirSync(directory)
    writeFileSync(join(directory, 'control.json'), 'off!')
    await program.call('work', 10)
    await expect.poll(() => program.stderr, PATIENCE).toContain('\n')
    expect(program.stderr).toMatch(/^kronicler: [^\n]*control\.json: [^\n]*JSON[^\n]*\n$/)
    expect(await program.metrics('work')).toEqual([10])
    await program.end()
    expect(await rowsOf('work')).toEqual([10])
  })
})

describe('from inside', () => {
  test('at once, in all threads, whichever of them sets it', async () => {
    await program.control('work', { sample: 0.5 }) // before there is anything
    const [first, second] = [await program.startThread(), await program.startThread()]
    const everywhere = [undefined, first, second]
    for (const where of everywhere) await program.call('work', 10, where)
    await program.control('w*k', { enabled: false }, second)
    for (const where of everywhere) await program.call('work', 10, where)
    expect(await program.metrics('work')).toEqual([30])
    await program.control('work', { enabled: true, sample: null }, first)
    for (const where of everywhere) await program.call('work', 10, where)
    expect(await program.metrics('work')).toEqual([60])
    const rules = await Promise.all(everywhere.map((where) => program.tell('rules', {}, where)))
    expect(rules).toEqual(
      Array(3).fill([
        { function: 'w*k', enabled: false, source: 'program' },
        { function: 'work', enabled: true, sample: null, source: 'program' },
      ]),
    )
    await program.tell('reset', { pattern: 'work' }, second)
    for (const where of everywhere) await program.call('work', 10, where)
    expect(await program.metrics('work')).toEqual([60])
    await program.tell('reset')
    for (const where of everywhere) await program.call('work', 10, where)
    expect(await program.metrics('work')).toEqual([90])
    const { dropped, filtered, stored } = await program.accounts()
    expect(stored + filtered + dropped).toBe(90)
  })

  test('rules of the program come after those of the file', async () => {
    await program.control('work', { enabled: true })
    await program.call('work', 1)
    await program.accounts()
    await kronicler('control', 'set', '*', '--off')
    await untilRulesOfFile([{ function: '*', enabled: false, source: 'file' }])
    await program.call('work', 1)
    await program.call('other', 1)
    expect(await program.metrics('work', 'other')).toEqual([2, 0])
  })

  test('functions that are captured while rules change end up as the last rule says', async () => {
    const COUNT = 2000
    await program.call('main', 1)
    const threads = await Promise.all(Array.from({ length: 3 }, () => program.startThread()))
    await Promise.all([
      ...threads.map((thread) => program.tell('captureMany', { count: COUNT }, thread)),
      program.tell('toggle', { pattern: 'thread*', times: 301 }), // the last time off, on, ..., off
      program.tell('toggle', { pattern: 'thread ? function *', times: 301 }, threads[0]),
    ])
    await program.tell('reset', { pattern: 'thread ? function *' })
    await program.control('thread*', { enabled: false })
    const callAll = () => Promise.all(threads.map((thread) => program.tell('callAll', {}, thread)))
    expect(await callAll()).toEqual([COUNT, COUNT, COUNT])
    expect((await program.accounts()).stored).toBe(1)
    await program.control('thread*', { enabled: true })
    await callAll()
    expect((await program.accounts()).stored).toBe(1 + 3 * COUNT)
  })
})
