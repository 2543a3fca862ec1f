import { join } from 'node:path'
import { openDatabase } from 'kronicler/database'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'

const SAMPLED_CALLS = 20_501
const RARE_CALLS = 1001

interface Told {
  dropped: number
  filtered: number
  stored: number
  sampled: number
  rarely: number
}

test.each([
  ['in the log', []],
  ['in a segment', ['close']],
])('callers, self time, attributes and weights, %s', async (_, args) => {
  const directory = join(temporaryDirectory(), 'calls')
  const { stdout, stderr } = await runChild('details.mjs', args, {
    env: { KRONICLER_DIR: directory },
  })
  expect(stderr).toBe('')
  const told = JSON.parse(stdout) as Told
  expect(told).toMatchObject({ dropped: 0, sampled: SAMPLED_CALLS, rarely: RARE_CALLS })

  const database = await openDatabase(directory)
  const rowsOf = (name: string) => database.slowest({ function: name, limit: 100_000 })
  const nested = [10 + 20 + 40, 3 + 6].reduce((sum, calls) => sum + calls)
  expect(told.stored + told.filtered).toBe(SAMPLED_CALLS + RARE_CALLS + nested)
  expect(await database.filtered()).toBe(told.filtered)

  for (const { parent, depth } of await rowsOf('leaf'))
    expect([parent, depth]).toEqual(['branch', 2])
  for (const { parent, depth } of await rowsOf('branch'))
    expect([parent, depth]).toEqual(['root', 1])
  for (const { attributes } of await rowsOf('root')) expect(attributes).toEqual({ kind: 'root' })

  // what each spends in the next is exact
  const [root, branch, leaf] = await Promise.all(
    ['root', 'branch', 'leaf'].map((name) => database.stats({ function: name })),
  )
  expect(leaf!.selfNs).toBe(leaf!.sumNs)
  expect(branch!.selfNs).toBe(branch!.sumNs - leaf!.sumNs)
  expect(root!.selfNs).toBe(root!.sumNs - branch!.sumNs)

  const queries = await rowsOf('query')
  expect(queries).toHaveLength(6)
  for (const { async, attributes, parent } of queries) {
    expect([async, parent]).toEqual([true, 'page'])
    expect(attributes).toEqual({ ms: expect.any(Number) as number, token: '[redacted]' })
  }
  for (const page of await rowsOf('page')) {
    expect(page.async).toBe(true)
    expect(page.selfNs).toBeLessThan(page.durationNs - 25e6) // of its queries the longer takes 30 ms
  }

  const sampled = await rowsOf('sampled')
  const weights = sampled.reduce((sum, { weight }) => sum + weight, 0)
  expect(new Set(sampled.map(({ weight }) => weight))).toEqual(new Set([1, 100]))
  expect((await database.stats({ function: 'sampled' })).calls).toBe(weights)
  expect(sampled.length).toBeLessThan(SAMPLED_CALLS / 2)
  expect(Math.abs(weights - SAMPLED_CALLS)).toBeLessThan(SAMPLED_CALLS / 2)

  for (const { durationNs } of await rowsOf('rarely'))
    expect(durationNs).toBeGreaterThanOrEqual(1e6)
  expect((await rowsOf('rarely')).length).toBeGreaterThan(0)

  const places = (await database.functions()).map(({ definedAt }) => definedAt)
  for (const place of places) expect(place).toMatch(/details\.mjs:\d+$/)
  await database.close()
})
