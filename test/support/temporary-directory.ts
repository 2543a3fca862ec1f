import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

/** A new directory, removed when the test ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'kronicler-'))
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

/** The same for all tests of a file, removed after the last one. Call it outside of tests. */
export function sharedTemporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'kronicler-'))
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}
