import { expect, test } from 'vitest'
import { errorTypeName } from '../../../src/capture/error-type.ts'

class PaymentRefused extends Error {}

test.each([
  [new TypeError('x'), 'TypeError'],
  [new PaymentRefused(), 'PaymentRefused'],
  ['text', 'string'],
  [42, 'number'],
  [undefined, 'undefined'],
  [null, 'null'],
  [Symbol('s'), 'symbol'],
  [{ code: 1 }, 'Object'],
  [Object.create(null), 'object'],
  [new (class {})(), 'object'],
])('%o is counted as %s', (thrown, name) => {
  expect(errorTypeName(thrown)).toBe(name)
})

test('a thrown value with hostile properties does not throw again', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  expect(errorTypeName(proxy)).toBe('unknown')
  const hostile = {
    get constructor(): never {
      throw new Error('gotcha')
    },
  }
  expect(errorTypeName(hostile)).toBe('unknown')
})

test('a class name of any length is cut', () => {
  const name = 'E'.repeat(10_000)
  const Long = { [name]: class extends Error {} }[name]!
  expect(errorTypeName(new Long())).toHaveLength(200)
})
