/**
 * Nobody can tell that a captured function is captured.
 */
import { expect, test } from 'vitest'
import { compareAll } from './compare.ts'
import { PLAIN, switchOff } from './kits.ts'
import { KNOWN_DIFFERENCES, type KnownDifference } from './known-differences.ts'
import { recordInTemporaryDirectory } from './recording.ts'

recordInTemporaryDirectory()
switchOff()
const differing = compareAll(PLAIN)

test('the known differences are the ones that are seen', () => {
  const expected = Object.entries(KNOWN_DIFFERENCES).filter(
    ([, difference]: [string, KnownDifference]) => difference.inTable,
  )
  expect([...differing].sort()).toEqual(expected.map(([id]) => id).sort())
})
