// Decorators as in TC39's proposal, the default of TypeScript 5 and later. The same `capture` also works
// with "experimentalDecorators".
import assert from 'node:assert/strict'
import { capture, metrics } from 'kronicler'

class Thermometer {
  #readings: number[] = []

  @capture
  record(celsius: number): void {
    this.#readings.push(celsius)
  }

  @capture('median reading')
  median(): number {
    const sorted = this.#readings.toSorted((a, b) => a - b)
    return sorted[sorted.length >> 1] ?? NaN
  }

  @capture
  static fahrenheit(celsius: number): number {
    return celsius * 1.8 + 32
  }
}

const thermometer = new Thermometer()
for (const celsius of [19, 25, 20]) thermometer.record(celsius)
assert.equal(Thermometer.fahrenheit(thermometer.median()), 68)

const calls = new Map([...metrics()].map(([name, { calls }]) => [name, calls]))
console.log(calls)
assert.equal(calls.get('Thermometer.record'), 3)
assert.equal(calls.get('median reading'), 1)
assert.equal(calls.get('Thermometer.fahrenheit'), 1)
