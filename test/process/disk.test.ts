import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls, storedNumbers } from './stored.ts'

/** A disk that is full for a while. What waits meanwhile is stored when there is room; what found no place is counted. */

interface Report {
  made: number
  flushed: boolean
  stored: number
  queued: number
  dropped: number
  metrics: number
  heard: string[]
}

async function fullThenFree(
  directory: string,
  options: {
    ballast?: string
    softFileSizeLimitKiB?: number
    free?: (pid: number) => void
  },
): Promise<void> {
  const { ballast, free, softFileSizeLimitKiB } = options
  let freed = false
  const result = await runChild('disk-full.mjs', ballast === undefined ? [] : [ballast], {
    env: { KRONICLER_DIR: directory },
    ...(softFileSizeLimitKiB === undefined ? {} : { softFileSizeLimitKiB }),
    stdin: 'pipe',
    onOutput: (_, child) => {
      if (freed) return
      freed = true
      free?.(child.pid!)
      child.stdin!.end()
    },
  })
  expect(result).toMatchObject({ code: 0, stderr: '' })
  const [first, second] = result.stdout.trim().split('\n') as [string, string]
  expect(JSON.parse(first)).toMatchObject({ failed: { flushed: false }, lastError: 'KRONICLER_IO' })
  const report = JSON.parse(second) as Report
  expect(report).toMatchObject({ flushed: true, queued: 0, heard: ['KRONICLER_IO'] })
  expect(report.metrics).toBe(report.made)
  expect(report.stored + report.dropped).toBe(report.made)
  expect(report.dropped).toBeGreaterThan(0)
  const { stored, dropped } = await storedCalls(directory)
  expect({ stored, dropped }).toEqual({ stored: report.stored, dropped: report.dropped })
  const numbers = await storedNumbers(directory)
  expect(new Set(numbers).size).toBe(numbers.length)
}

const mountRefused = whyNoMount()

test.skipIf(mountRefused !== undefined)(
  `a full file system, then free again${mountRefused ?? ''}`,
  async () => {
    const mounted = temporaryDirectory()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mounted])
    onTestFinished(() => {
      execFileSync('umount', [mounted])
    })
    const ballast = join(mounted, 'ballast')
    writeFileSync(ballast, new Uint8Array(1_500_000))
    await fullThenFree(join(mounted, 'calls'), { ballast })
  },
)

const limitRefused = spawnSync('prlimit', ['--version']).status === 0 ? undefined : ' (no prlimit)'

test.skipIf(limitRefused !== undefined)(
  `a limit for the size of files, then none${limitRefused ?? ''}`,
  async () => {
    await fullThenFree(join(temporaryDirectory(), 'calls'), {
      softFileSizeLimitKiB: 256,
      free: (pid) => execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:']),
    })
  },
)

/** Why this process may not mount a file system; undefined: it may. */
function whyNoMount(): string | undefined {
  if (process.platform !== 'linux') return ' (mounts on Linux only)'
  const probe = mkdtempSync(join(tmpdir(), 'kronicler-mount-'))
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', probe])
  if (status === 0) execFileSync('umount', [probe])
  rmdirSync(probe)
  return status === 0 ? undefined : ` (may not mount: ${String(stderr).trim()})`
}
