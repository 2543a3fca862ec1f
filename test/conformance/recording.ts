/**
 * A real recording, with its background thread and files, for the tests of one file.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { close, configure } from 'kronicler'
import { afterAll } from 'vitest'

export function recordInTemporaryDirectory(): void {
  const directory = mkdtempSync(join(tmpdir(), 'kronicler-'))
  configure({ directory })
  afterAll(async () => {
    await close()
    rmSync(directory, { recursive: true, force: true })
  })
}
