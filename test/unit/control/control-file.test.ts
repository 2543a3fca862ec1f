import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  decodeControl,
  encodeControl,
  LARGEST_FILE_BYTES,
  readControlFile,
  writeControlFile,
} from '../../../src/control/control-file.ts'
import { ControlFileWatch } from '../../../src/control/file-watch.ts'
import { nodeFiles } from '../../../src/database/file.ts'
import { FailingFiles, MemoryFiles } from '../../support/memory-files.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const OFF = [{ function: 'orders.*', enabled: false }]
const SAMPLED = [{ function: '*', slowerThan: '5ms', sample: 0.1 }]

describe('the file', () => {
  test('has a rule a line', () => {
    expect(encodeControl([...OFF, ...SAMPLED])).toBe(`{
  "version": 1,
  "rules": [
    {"function":"orders.*","enabled":false},
    {"function":"*","slowerThan":"5ms","sample":0.1}
  ]
}
`)
    expect(encodeControl([])).toBe('{\n  "version": 1,\n  "rules": []\n}\n')
  })

  test.each([
    ['', 'JSON'],
    ['{"version":1,"rules":[', 'JSON'],
    ['[]', 'the file must be an object'],
    ['null', 'the file must be an object'],
    ['{"rules":[]}', 'version must be 1, not undefined'],
    ['{"version":2,"rules":[]}', 'version must be 1, not 2'],
    ['{"version":"1","rules":[]}', 'version must be 1, not "1"'],
    ['{"version":1}', 'rules must be an array'],
    ['{"version":1,"rules":{}}', 'rules must be an array'],
    ['{"version":1,"rules":[],"more":1}', 'unknown option more'],
    ['{"version":1,"rules":[{"function":"a","enabled":true},7]}', 'rules[1]: '],
    ['{"version":1,"rules":[{"function":"a","slowerThan":"5"}]}', 'rules[0]: slowerThan needs'],
  ])('%j is refused', (text, reason) => {
    const decode = () => decodeControl(text, '/calls/control.json')
    expect(decode).toThrow(expect.objectContaining({ code: 'KRONICLER_CONTROL' }))
    expect(decode).toThrow('/calls/control.json: ')
    expect(decode).toThrow(reason)
  })

  test('may begin with a byte order mark', () => {
    expect(decodeControl(`\ufeff${encodeControl(OFF)}`, 'p')).toEqual(OFF)
  })
})

describe('reading and writing', () => {
  let root: string

  beforeEach(() => {
    root = temporaryDirectory()
  })

  test('without a file there are no rules', () => {
    expect(readControlFile(root)).toEqual([])
    expect(readControlFile(join(root, 'no', 'such'))).toEqual([])
  })

  test('what is written is read, and nothing else is left', () => {
    writeControlFile(root, OFF)
    writeControlFile(root, SAMPLED)
    expect(readControlFile(root)).toEqual(SAMPLED)
    expect(readdirSync(root)).toEqual(['control.json'])
  })

  test('a reader never sees a part of it, whichever operation fails', () => {
    const before = new MemoryFiles()
    writeControlFile('/calls', OFF, before)
    const counting = new FailingFiles(before)
    writeControlFile('/calls', SAMPLED, counting.files)
    expect(counting.operations).toBeGreaterThanOrEqual(5)
    for (let failAt = 0; failAt < counting.operations; failAt++) {
      const memory = new MemoryFiles()
      writeControlFile('/calls', OFF, memory)
      const failing = new FailingFiles(memory)
      failing.failAt = failAt
      failing.failure = 'ENOSPC'
      expect(() => writeControlFile('/calls', SAMPLED, failing.files)).toThrow(
        expect.objectContaining({ code: 'KRONICLER_IO' }),
      )
      // the sync of the folder comes after the change
      const expected = failing.lastFailed === 'fsyncDirectory' ? SAMPLED : OFF
      expect(readControlFile('/calls', memory)).toEqual(expected)
      expect(memory.list('/calls')).toEqual(['control.json'])
      expect(memory.openCount).toBe(0)
    }
  })

  test('too much for a file is refused, by both sides', () => {
    const rules = Array.from({ length: 600 }, (_, i) => ({
      function: `${i}`.padEnd(1000, 'x'),
      enabled: false,
    }))
    expect(() => writeControlFile(root, rules)).toThrow(
      expect.objectContaining({ code: 'KRONICLER_CONTROL' }),
    )
    expect(readdirSync(root)).toEqual([])
    writeFileSync(join(root, 'control.json'), ' '.repeat(LARGEST_FILE_BYTES + 1))
    expect(() => readControlFile(root)).toThrow(`are more than ${LARGEST_FILE_BYTES}`)
  })

  test.skipIf(process.platform === 'win32')('a pipe in its place is not waited for', () => {
    execFileSync('mkfifo', [join(root, 'control.json')])
    expect(() => readControlFile(root)).toThrow(
      expect.objectContaining({ code: 'KRONICLER_CONTROL' }),
    )
  })

  test('a folder in its place is no file', () => {
    mkdirSync(join(root, 'control.json'))
    expect(() => readControlFile(root)).toThrow(
      expect.objectContaining({ code: 'KRONICLER_CONTROL' }),
    )
    expect(() => writeControlFile(root, OFF)).toThrow(
      expect.objectContaining({ code: 'KRONICLER_IO' }),
    )
  })
})

describe('the watch', () => {
  let root: string
  let path: string

  beforeEach(() => {
    root = temporaryDirectory()
    path = join(root, 'control.json')
  })

  /** As if the last change were long ago, so that times tell changes apart. */
  function age(seconds: number): void {
    const time = statSync(path).mtimeMs / 1000 - seconds
    utimesSync(path, time, time)
  }

  const broken = { error: expect.objectContaining({ code: 'KRONICLER_CONTROL' }) }

  test('tells what is there, then what is new', () => {
    const watch = new ControlFileWatch(root)
    expect(watch.look()).toEqual({ rules: [] })
    expect(watch.look()).toBeUndefined()
    writeControlFile(root, OFF)
    expect(watch.look()).toEqual({ rules: OFF })
    expect(watch.look()).toBeUndefined()
    writeControlFile(root, SAMPLED)
    expect(watch.look()).toEqual({ rules: SAMPLED })
    unlinkSync(path)
    expect(watch.look()).toEqual({ rules: [] })
    expect(watch.look()).toBeUndefined()
  })

  test('sees a change of the same size at the same time', () => {
    const modifiedMs = Date.now()
    writeControlFile(root, [{ function: 'a', enabled: false }])
    const watch = new ControlFileWatch(root, {
      ...nodeFiles,
      stat: (file) => ({ ...nodeFiles.stat(file), modifiedMs }), // a clock that ticks slowly
    })
    watch.look()
    writeFileSync(path, encodeControl([{ function: 'b', enabled: false }]))
    expect(watch.look()).toEqual({ rules: [{ function: 'b', enabled: false }] })
  })

  test('does not open a file that is as it was', () => {
    writeControlFile(root, OFF)
    age(3600)
    let reads = 0
    const watch = new ControlFileWatch(root, {
      ...nodeFiles,
      readText: (file) => {
        reads++
        return nodeFiles.readText(file)
      },
    })
    for (let i = 0; i < 5; i++) watch.look()
    expect(reads).toBe(1)
    age(3600)
    for (let i = 0; i < 5; i++) expect(watch.look()).toBeUndefined()
    expect(reads).toBe(2)
  })

  test('a broken file is told once, and again when it has changed', () => {
    writeControlFile(root, OFF)
    const watch = new ControlFileWatch(root)
    expect(watch.look()).toEqual({ rules: OFF })
    writeFileSync(path, '{"version":1,"ru')
    expect(watch.look()).toBeUndefined() // somebody may be writing it
    expect(watch.look()).toEqual(broken)
    for (let i = 0; i < 3; i++) expect(watch.look()).toBeUndefined()
    writeFileSync(path, '{"version":1,"rules":7}')
    expect(watch.look()).toBeUndefined()
    expect(watch.look()).toEqual(broken)
    expect(watch.look()).toBeUndefined()
    writeFileSync(path, encodeControl(OFF))
    expect(watch.look()).toEqual({ rules: OFF })
  })

  test('the same of a file that nobody touches any more', () => {
    writeFileSync(path, 'nonsense')
    age(3600)
    const watch = new ControlFileWatch(root)
    expect([watch.look(), watch.look(), watch.look()]).toEqual([undefined, broken, undefined])
  })

  test('a file that was met half written is no news', () => {
    const watch = new ControlFileWatch(root)
    watch.look()
    writeFileSync(path, encodeControl(OFF).slice(0, 20))
    expect(watch.look()).toBeUndefined()
    writeFileSync(path, encodeControl(OFF))
    expect(watch.look()).toEqual({ rules: OFF })
    writeFileSync(path, '')
    expect(watch.look()).toBeUndefined()
    writeFileSync(path, encodeControl(OFF))
    expect(watch.look()).toBeUndefined()
  })

  test.skipIf(process.platform === 'win32')('follows a link to a file that is replaced', () => {
    for (const name of ['first', 'second']) mkdirSync(join(root, name))
    writeControlFile(join(root, 'first'), OFF)
    writeControlFile(join(root, 'second'), SAMPLED)
    symlinkSync(join(root, 'first', 'control.json'), path)
    const watch = new ControlFileWatch(root)
    expect(watch.look()).toEqual({ rules: OFF })
    unlinkSync(path)
    symlinkSync(join(root, 'second', 'control.json'), path)
    expect(watch.look()).toEqual({ rules: SAMPLED })
  })

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'a file that may not be read changes nothing, and is told once',
    () => {
      writeControlFile(root, OFF)
      const watch = new ControlFileWatch(root)
      watch.look()
      chmodSync(path, 0)
      utimesSync(path, 1, 1)
      expect([watch.look(), watch.look(), watch.look()]).toEqual([undefined, broken, undefined])
    },
  )

  test('a failing system changes nothing, and is told once', () => {
    let broke = false
    const watch = new ControlFileWatch(root, {
      ...nodeFiles,
      stat: (file) => {
        if (broke) throw Object.assign(new Error('EIO: bad disk'), { code: 'EIO' })
        return nodeFiles.stat(file)
      },
    })
    writeControlFile(root, OFF)
    expect(watch.look()).toEqual({ rules: OFF })
    broke = true
    expect([watch.look(), watch.look(), watch.look()]).toEqual([undefined, broken, undefined])
    broke = false
    expect(watch.look()).toEqual({ rules: OFF })
    expect(readFileSync(path, 'utf8')).toBe(encodeControl(OFF))
  })
})
