import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nearestNames } from '../../../src/cli/nearest.ts'
import { layOut, type Column } from '../../../src/cli/table.ts'
import { displayWidth, padEnd, padStart, printable, truncate } from '../../../src/cli/text.ts'

describe('printable', () => {
  test.each([
    ['plain', 'plain'],
    ['', '(empty)'],
    ['\u001b[31mred\u001b[0m', '·[31mred·[0m'],
    ['a\nb\r\tc\0', 'a·b··c·'],
    ['\u009b31m', '·31m'],
    ['\u202eesrever', '·esrever'],
    ['\u2066x\u2069', '·x·'],
    ['\ud800', '·'],
    ['👩‍👩‍👧 ❤️', '👩‍👩‍👧 ❤️'],
    ['שלום', 'שלום'],
  ])('%j', (text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  test('leaves nothing that a terminal takes for a command', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const isCommand = (code: number) =>
          code < 32 ||
          (code >= 127 && code < 160) ||
          (code >= 0x202a && code <= 0x202e) ||
          (code >= 0x2066 && code <= 0x2069)
        expect(Array.from(printable(text), (c) => c.codePointAt(0)!).filter(isCommand)).toEqual([])
      }),
    )
  })
})

describe('width', () => {
  test.each<[string, number]>([
    ['', 0],
    ['abc', 3],
    ['日本語', 6],
    ['e\u0301', 1],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['🇩🇪', 2],
    ['한글', 4],
    ['ｆｕｌｌ', 8],
    ['שלום', 4],
  ])('%s', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })

  test('truncated text fits, and is the text itself if that fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (raw, width) => {
        const text = printable(raw)
        const cut = truncate(text, width)
        expect(displayWidth(cut)).toBeLessThanOrEqual(width)
        if (displayWidth(text) <= width) expect(cut).toBe(text)
        expect(displayWidth(padEnd(cut, width))).toBe(width)
        expect(displayWidth(padStart(cut, width))).toBe(width)
      }),
    )
  })

  test('keeps beginning and end', () => {
    expect(truncate('OrderService.placeOrder', 16)).toBe('OrderServi…Order')
  })
})

describe('tables', () => {
  const columns: Column[] = [
    { title: 'name', align: 'left', flexible: true },
    { title: 'calls' },
    { title: 'mean', rank: 2 },
    { title: 'max', rank: 1 },
  ]
  const rows = [
    ['a', '1', '5 ns', '7 ns'],
    ['日本語'.repeat(10), '1,234,567', '5.55 ms', '123 ms'],
  ]

  test('are aligned', () => {
    const lines = layOut(columns, rows, { width: Infinity })
    expect(lines).toHaveLength(3)
    expect(new Set(lines.map(displayWidth)).size).toBe(1)
    expect(lines[0]).toMatch(/^name {62}calls {5}mean {5}max$/)
  })

  test('shorten the name first, then leave columns out', () => {
    const at = (width: number) => layOut(columns, rows, { width })
    for (let width = 30; width < 100; width++) {
      for (const line of at(width)) expect(displayWidth(line)).toBeLessThanOrEqual(width)
    }
    expect(at(60)[0]).toContain('mean')
    expect(at(40)[0]).not.toContain('mean')
    expect(at(40)[0]).toContain('max')
    expect(at(30)[0]).not.toContain('max')
    expect(at(30)[0]).toContain('calls')
  })

  test('have extra columns only while nothing else has to give way', () => {
    const more: Column[] = [...columns, { title: 'extra', align: 'left', isExtra: true }]
    const cells = rows.map((row) => [...row, 'beside'])
    const whole = displayWidth(layOut(more, cells, { width: Infinity })[1]!)
    expect(layOut(more, cells, { width: whole })[0]).toContain('extra')
    expect(layOut(more, cells, { width: whole - 2 })).toEqual(
      layOut(columns, rows, { width: whole - 2 }),
    )
    expect(layOut(more, cells, { width: 40 })).toEqual(layOut(columns, rows, { width: 40 }))
  })

  test('fit whatever the names are', () => {
    const cell = fc.string({ unit: 'grapheme' }).map(printable)
    fc.assert(
      fc.property(
        fc.array(cell, { minLength: 1 }),
        fc.integer({ min: 25, max: 120 }),
        (names, width) => {
          const lines = layOut(
            columns,
            names.map((name) => [name, '1', '2', '3']),
            { width },
          )
          for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
        },
      ),
    )
  })
})

test('nearest names', () => {
  const names = ['OrderService.place', 'OrderService.cancel', 'pay', 'checkout.pay', 'report']
  expect(nearestNames('payy', names)).toEqual(['pay'])
  expect(nearestNames('orderservice.place', names)).toEqual([
    'OrderService.place',
    'OrderService.cancel',
  ])
  expect(nearestNames('checkout', names)).toEqual(['checkout.pay'])
  expect(nearestNames('zzzzzz', names)).toEqual([])
  expect(nearestNames('x'.repeat(1e6), ['y'.repeat(1e6)])).toEqual([])
})
