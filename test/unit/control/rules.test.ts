import { describe, expect, test } from 'vitest'
import { withoutRules, withRule } from '../../../src/control/edit-rules.ts'
import { EffectiveRules } from '../../../src/control/effective.ts'
import { createMatcher } from '../../../src/control/glob.ts'
import {
  checkPattern,
  checkRule,
  checkSettings,
  type ControlRule,
} from '../../../src/control/rule.ts'
import { HEALTH_FUNCTION } from '../../../src/internal/health-function.ts'

describe('patterns', () => {
  test.each([
    ['orders.place', 'orders.place', true],
    ['orders.place', 'orders.placed', false],
    ['orders.place', 'Orders.place', false],
    ['orders.*', 'orders.place', true],
    ['orders.*', 'orders.', true],
    ['orders.*', 'orders', false],
    ['*', '', true],
    ['*', 'anything at all', true],
    ['*.place', 'orders.place', true],
    ['*.place', 'orders.place2', false],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'a-b-b-c-c', true],
    ['a*b*c', 'ac', false],
    ['a**c', 'ac', true],
    ['ab*ba', 'aba', false],
    ['ab*ba', 'abba', true],
    ['?', 'x', true],
    ['?', '', false],
    ['?', 'xy', false],
    ['function ?0', 'function 10', true],
    ['*?', '', false],
    ['*ab?', 'xabyabz', true],
    ['get *', 'get Orders.total', true],
    ['?', '👩', true],
    ['größe*', 'größe in m²', true],
    ['[a-z]+', 'abc', false],
    ['.*', 'abc', false],
    ['a.c', 'abc', false],
    ['(other)', '(other)', true],
    ['a\\*', 'a\\bc', true],
    ['a\n*', 'a\nb', true],
    ['2 * 3 = ?', '2 * 3 = ?', true], // a name may look like a pattern
  ])('%j and %j: %s', (pattern, name, matches) => {
    expect(createMatcher(pattern)(name)).toBe(matches)
  })

  test('a hostile pattern is answered', () => {
    const name = 'a'.repeat(50_000)
    expect(createMatcher(`${'*a'.repeat(499)}*b`)(name)).toBe(false)
    expect(createMatcher(`${'*?'.repeat(499)}*b`)(name)).toBe(false)
    expect(createMatcher(`*${'?a'.repeat(499)}b*`)(name)).toBe(false)
    expect(createMatcher(`${'*'.repeat(999)}b`)(name)).toBe(false)
  })

  test('are texts of 1 to 1,000 characters', () => {
    expect(checkPattern('x'.repeat(1000), 'pattern')).toHaveLength(1000)
    for (const bad of ['', 'x'.repeat(1001)]) {
      expect(() => checkPattern(bad, 'pattern')).toThrow(RangeError)
    }
    for (const bad of [undefined, null, 5, /x/, ['x']]) {
      expect(() => checkPattern(bad, 'pattern')).toThrow(TypeError)
      expect(() => checkPattern(bad, 'pattern')).toThrow(/^pattern must be/)
    }
  })

  test('are compared as names are stored', () => {
    expect(checkPattern('lone \ud800', 'pattern')).toBe('lone \ufffd')
  })
})

describe('what a rule may be', () => {
  test.each([
    [{ function: 'x', enabled: false }],
    [{ function: 'x', slowerThan: '5ms' }],
    [{ function: 'x', slowerThan: 0 }],
    [{ function: 'x', slowerThan: null, sample: null }],
    [{ function: 'x', enabled: true, slowerThan: 2.5, sample: 0.1 }],
  ])('%j', (rule) => {
    expect(checkRule(rule, '')).toEqual(rule)
  })

  test('settings that are undefined are not set', () => {
    const settings = checkSettings({ enabled: undefined, sample: 0.5 }, '')
    expect(Object.keys(settings)).toEqual(['sample'])
  })

  test.each<[unknown, typeof Error, string]>([
    [undefined, TypeError, 'rule must be an object'],
    ['x', TypeError, 'rule must be an object'],
    [[], TypeError, 'rule must be an object'],
    [{ function: 'x' }, TypeError, 'at least one of enabled, slowerThan, sample'],
    [{ function: 'x', enabled: undefined }, TypeError, 'at least one of'],
    [{ enabled: true }, TypeError, 'function must be a name'],
    [{ function: 'x', enable: true }, TypeError, 'unknown option enable'],
    [JSON.parse('{"function":"x","__proto__":{}}'), TypeError, 'unknown option __proto__'],
    [{ function: 'x', enabled: 'no' }, TypeError, 'enabled must be true or false'],
    [{ function: 'x', enabled: null }, TypeError, 'enabled must be true or false'],
    [{ function: 'x', slowerThan: true }, TypeError, 'slowerThan must be a duration'],
    [{ function: 'x', slowerThan: '5' }, RangeError, 'slowerThan needs a unit'],
    [{ function: 'x', slowerThan: -1 }, RangeError, 'slowerThan must be from 0'],
    [{ function: 'x', sample: '0.1' }, TypeError, 'sample must be a number'],
    [{ function: 'x', sample: 0 }, RangeError, 'sample must be above 0'],
    [{ function: 'x', sample: 10 }, RangeError, 'sample must be above 0'],
    [{ function: 'x', sample: NaN }, RangeError, 'sample must be above 0'],
  ])('not %j', (rule, kind, message) => {
    expect(() => checkRule(rule, 'rules[0]: ')).toThrow(kind)
    expect(() => checkRule(rule, 'rules[0]: ')).toThrow(`rules[0]: `)
    expect(() => checkRule(rule, 'rules[0]: ')).toThrow(message)
  })
})

describe('what rules mean', () => {
  const controlOf = (rules: ControlRule[], name = 'orders.place') =>
    new EffectiveRules(rules).controlOf(name, { enabled: true, slowerThanNs: 1e6, oneIn: 10 })

  test('what no rule sets falls through to the own options', () => {
    const own = { enabled: true, slowerThanNs: 1e6, oneIn: 10 }
    expect(controlOf([])).toEqual(own)
    expect(controlOf([{ function: 'other.*', enabled: false }])).toEqual(own)
    expect(controlOf([{ function: 'orders.*', enabled: false }])).toEqual({
      ...own,
      enabled: false,
    })
    expect(controlOf([{ function: 'orders.*', sample: 0.5 }])).toEqual({ ...own, oneIn: 2 })
    expect(controlOf([{ function: '*', slowerThan: '250us' }])).toEqual({
      ...own,
      slowerThanNs: 250_000,
    })
  })

  test('a later rule wins, field by field, however general it is', () => {
    const rules = [
      { function: 'orders.place', enabled: false, slowerThan: '5ms' },
      { function: '*', slowerThan: 2, sample: 0.25 },
      { function: 'orders.*', enabled: true },
    ]
    expect(controlOf(rules)).toEqual({ enabled: true, slowerThanNs: 2e6, oneIn: 4 })
  })

  test('null stores everything, whatever earlier rules and the own options say', () => {
    const rules = [
      { function: '*', slowerThan: '1s', sample: 0.01 },
      { function: 'orders.place', slowerThan: null, sample: null },
    ]
    expect(controlOf(rules)).toEqual({ enabled: true, slowerThanNs: 0, oneIn: 1 })
  })

  test('the name under which Kronicler stores its own health is left alone', () => {
    const rules = [{ function: '*', enabled: false }]
    expect(controlOf(rules, HEALTH_FUNCTION).enabled).toBe(true)
  })
})

describe('lists of rules', () => {
  test('what is set again for a pattern replaces what it was set to', () => {
    let rules: ControlRule[] = []
    for (let i = 0; i < 1000; i++) {
      rules = withRule(rules, { function: 'a*', enabled: i % 2 === 0 })
      rules = withRule(rules, { function: 'b', sample: 1 / (i + 1) })
    }
    expect(rules).toEqual([
      { function: 'a*', enabled: false },
      { function: 'b', sample: 0.001 },
    ])
  })

  test('the latest rule is the last, and only what it sets moves there', () => {
    const rules = [
      { function: 'a', enabled: false, sample: 0.5 },
      { function: '*', enabled: true, slowerThan: 1 },
    ]
    expect(withRule(rules, { function: 'a', enabled: false, slowerThan: null })).toEqual([
      { function: 'a', sample: 0.5 },
      { function: '*', enabled: true, slowerThan: 1 },
      { function: 'a', enabled: false, slowerThan: null },
    ])
    expect(withRule(rules, { function: '*', sample: 0.1 })).toEqual([
      { function: 'a', enabled: false, sample: 0.5 },
      { function: '*', enabled: true, slowerThan: 1, sample: 0.1 },
    ])
  })

  test('are taken back by their pattern as it was written', () => {
    const rules = [
      { function: 'a*', enabled: false },
      { function: 'ab', sample: 0.5 },
      { function: 'a*', sample: 0.5 },
    ]
    expect(withoutRules(rules, 'a*')).toEqual([{ function: 'ab', sample: 0.5 }])
    expect(withoutRules(rules, 'a')).toEqual(rules)
    expect(withoutRules(rules, undefined)).toEqual([])
  })
})
