import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { fillDatabase, filesOf } from '../../support/filled-database.ts'
import { runCommand } from '../../support/run-command.ts'
import { sharedTemporaryDirectory } from '../../support/temporary-directory.ts'

const directory = sharedTemporaryDirectory()
const run = (args: string[], options = {}) =>
  runCommand(args, { env: { KRONICLER_DIR: directory }, ...options })

beforeAll(async () => {
  await fillDatabase(directory)
})

describe('verify', () => {
  test('nothing is damaged', async () => {
    const { code, stderr, stdout } = await run(['verify'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Read 14 files, \d+ kB, 50,800 rows\.\nNothing is damaged\.\n$/)
    const json = JSON.parse((await run(['verify', '--json'])).stdout)
    expect(json).toMatchObject({ files: 14, rows: 50_800, faults: [], faultsLeft: 0, torn: [] })
  })

  test('what is damaged is told with file and byte, and exit code 1', async () => {
    const path = filesOf(directory).find((name) => basename(name).startsWith('seg.'))!
    const sound = readFileSync(path)
    const damaged = Uint8Array.from(sound)
    damaged[100]! ^= 1
    writeFileSync(path, damaged)
    try {
      const { code, stdout } = await run(['verify'])
      expect(code).toBe(1)
      expect(stdout).toMatch(
        /^damaged: w-[\w-]+\/seg\.000000-000000, byte 64: checksum of a page does not match\n\nRead 14 files/,
      )
      expect(stdout).toContain(
        '1 fault in 1 file. What can be read is saved by:  kronicler repair\n',
      )
      const json = await run(['verify', '--json'])
      expect(json.code).toBe(1)
      expect(JSON.parse(json.stdout).faults).toEqual([
        {
          path,
          offset: 64,
          code: 'KRONICLER_CORRUPT',
          message: 'checksum of a page does not match',
        },
      ])
    } finally {
      writeFileSync(path, sound)
    }
  })

  test('rules that cannot be used are damage too', async () => {
    const path = join(directory, 'control.json')
    for (const text of ['{', '{"version":1,"rules":[{"function":"f","enabeld":false}]}']) {
      writeFileSync(path, text)
      const { code, stdout } = await run(['verify', '--json'])
      expect(code).toBe(1)
      expect(JSON.parse(stdout).faults).toMatchObject([{ path, code: 'KRONICLER_CONTROL' }])
    }
    writeFileSync(path, '{"version":1,"rules":[]}')
    expect((await run(['verify'])).code).toBe(0)
  })

  test('interrupted', async () => {
    const interrupted = AbortSignal.abort()
    const { code, stderr, stdout } = await run(['verify'], { signal: interrupted })
    expect({ code, stderr, stdout }).toEqual({ code: 130, stderr: 'Interrupted.\n', stdout: '' })
  })

  test('a directory that is none', async () => {
    const { code, stderr } = await run(['verify', '--dir', join(directory, 'nowhere')])
    expect(code).toBe(1)
    expect(stderr).toContain('there is no directory')
  })

  test('--help', async () => {
    const { code, stdout } = await run(['verify', '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('kronicler verify --json')
  })
})
