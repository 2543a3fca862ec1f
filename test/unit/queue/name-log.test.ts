import { expect, test } from 'vitest'
import {
  NAME_ERROR_TYPE,
  NAME_FUNCTION,
  NameLog,
  OVERFLOW_ID,
  OVERFLOW_NAME,
} from '../../../src/queue/name-log.ts'

const limits = { functions: 100, errorTypes: 10 }

function twoThreads(sizeBytes = 1 << 16): [NameLog, NameLog] {
  const memory = new SharedArrayBuffer(sizeBytes)
  return [new NameLog(memory, limits, 0), new NameLog(memory, limits, 1)]
}

test('two threads get the same id for a name, and kinds do not mix', () => {
  const [first, second] = twoThreads()
  const id = first.idOf(NAME_FUNCTION, 'load')
  expect(second.idOf(NAME_FUNCTION, 'load')).toBe(id)
  expect(second.nameOf(NAME_FUNCTION, id)).toBe('load')
  expect(second.find(NAME_ERROR_TYPE, 'load')).toBeUndefined()
  expect(second.idOf(NAME_FUNCTION, 'store')).not.toBe(id)
  expect([...first.names(NAME_FUNCTION)]).toEqual(['load', 'store'])
})

test('any text is a name', () => {
  const [first, second] = twoThreads()
  for (const name of ['', 'größe', '函数', '👩‍👩‍👧', 'a\0b', 'x'.repeat(20_000)]) {
    const id = first.idOf(NAME_FUNCTION, name)
    expect(second.nameOf(NAME_FUNCTION, id)).toBe(name)
    expect(first.idOf(NAME_FUNCTION, name)).toBe(id)
  }
})

test('half a surrogate pair becomes the replacement character, and stays one name', () => {
  const [log] = twoThreads()
  const id = log.idOf(NAME_FUNCTION, 'a\ud800')
  expect(log.nameOf(NAME_FUNCTION, id)).toBe('a\ufffd')
  expect(log.idOf(NAME_FUNCTION, 'a\ud800')).toBe(id)
})

test('beyond the limit of functions there is one name for all', () => {
  const [log] = twoThreads()
  const ids = Array.from({ length: 105 }, (_, i) => log.idOf(NAME_FUNCTION, `f${i}`))
  expect(new Set(ids.slice(0, 100)).size).toBe(100)
  expect(new Set(ids.slice(100))).toEqual(new Set([OVERFLOW_ID]))
  expect(log.nameOf(NAME_FUNCTION, OVERFLOW_ID)).toBe(OVERFLOW_NAME)
})

test('a full log gives the name for all the others', () => {
  const [log] = twoThreads(1024)
  expect(log.idOf(NAME_FUNCTION, 'x'.repeat(2000))).toBe(OVERFLOW_ID)
  expect(log.idOf(NAME_FUNCTION, 'short')).toBeGreaterThan(OVERFLOW_ID)
})

test('entries are handed out once they are whole, until they are marked as persisted', () => {
  const [first, second] = twoThreads()
  first.idOf(NAME_FUNCTION, 'a')
  const { entries, end } = second.unpersisted()
  expect(entries).toHaveLength(13)
  expect([...entries.slice(8)]).toEqual([1, 0, 0, 0, 'a'.charCodeAt(0)])
  second.markPersisted(end)
  expect(first.unpersisted().entries).toHaveLength(0)
})

test('a thread that died while it added a name does not stop the others', () => {
  const memory = new SharedArrayBuffer(4096)
  new Int32Array(memory)[0] = 99 // the lock, held by nobody alive
  const log = new NameLog(memory, limits, 0)
  const id = log.idOf(NAME_FUNCTION, 'late')
  expect(new NameLog(memory, limits, 1).idOf(NAME_FUNCTION, 'late')).toBe(id)
})

test('what a dead thread was about to add is not waited for', () => {
  const memory = new SharedArrayBuffer(4096)
  const words = new Int32Array(memory)
  words[0] = 8
  const log = new NameLog(memory, limits, 0)
  log.releaseDead(9)
  expect(words[0]).toBe(8)
  log.releaseDead(8)
  expect(words[0]).toBe(0)
})
