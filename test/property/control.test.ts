import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeControl, encodeControl } from '../../src/control/control-file.ts'
import { withRule } from '../../src/control/edit-rules.ts'
import { EffectiveRules } from '../../src/control/effective.ts'
import { createMatcher } from '../../src/control/glob.ts'
import { checkRule, type ControlRule } from '../../src/control/rule.ts'
import { RECORD_EVERYTHING } from '../../src/queue/controls.ts'

/** Few letters, so that patterns match now and then. */
const pattern = fc.string({
  unit: fc.constantFrom('a', 'b', '*', '?', '👩'),
  minLength: 1,
  maxLength: 12,
})
const name = fc.string({ unit: fc.constantFrom('a', 'b', '👩'), maxLength: 16 })

/** The definition, by recursion: right, and slow. */
function matches(pattern: string[], name: string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return name.length === 0
  if (first === '*')
    return matches(rest, name) || (name.length > 0 && matches(pattern, name.slice(1)))
  return name.length > 0 && (first === '?' || first === name[0]) && matches(rest, name.slice(1))
}

describe('patterns', () => {
  test('match what the definition says', () => {
    let matched = 0
    fc.assert(
      fc.property(pattern, name, (pattern, name) => {
        const expected = matches(Array.from(pattern), Array.from(name))
        if (expected) matched++
        expect(createMatcher(pattern)(name)).toBe(expected)
      }),
      { numRuns: 20_000 },
    )
    expect(matched).toBeGreaterThan(500)
  })

  test('match the name that is spelled like them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        expect(createMatcher(text)(text)).toBe(true)
      }),
    )
  })
})

const rule: fc.Arbitrary<ControlRule> = fc
  .record(
    {
      function: pattern,
      enabled: fc.boolean(),
      slowerThan: fc.oneof(
        fc.constant(null),
        fc.constantFrom('5ms', '250us', '1.5s', '0'),
        fc.double({ min: 0, max: 1e9, noNaN: true }).map((ms) => (ms === 0 ? 0 : ms)),
      ),
      sample: fc.option(fc.double({ min: 0, minExcluded: true, max: 1, noNaN: true })),
    },
    { requiredKeys: ['function'] },
  )
  .filter((rule) => Object.keys(rule).length > 1)

describe('rules', () => {
  test('come back from the file as they were', () => {
    fc.assert(
      fc.property(fc.array(rule), (rules) => {
        expect(decodeControl(encodeControl(rules), 'control.json')).toEqual(rules)
      }),
    )
  })

  test('a list kept short means what the whole list meant', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 12 }), fc.array(name), (rules, names) => {
        let short: ControlRule[] = []
        for (const one of rules) short = withRule(short, one)
        expect(short.length).toBeLessThanOrEqual(rules.length)
        expect(short.map((one) => checkRule(one, ''))).toEqual(short)
        const all = new EffectiveRules(rules)
        const kept = new EffectiveRules(short)
        for (const one of names) {
          expect(kept.controlOf(one, RECORD_EVERYTHING)).toEqual(
            all.controlOf(one, RECORD_EVERYTHING),
          )
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('any text is either rules or KRONICLER_CONTROL', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          decodeControl(text, 'control.json')
        } catch (error) {
          expect(error).toMatchObject({ code: 'KRONICLER_CONTROL' })
        }
      }),
    )
  })
})
