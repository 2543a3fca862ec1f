/** Whoever claims the folder of a writer that is gone has it to himself. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { nodeFiles, type FileLayer } from '../../../src/database/file.ts'
import { FolderClaim } from '../../../src/database/maintain/folder-claim.ts'
import type { WriterIdentity } from '../../../src/database/format/directory.ts'
import { currentIdentity } from '../../../src/database/writer-identity.ts'
import { writeLock } from '../../../src/database/lock-file.ts'
import { FailingFiles, MemoryFiles } from '../../support/memory-files.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const ME = currentIdentity(nodeFiles)

/** Of this host and boot, but gone: the process has the number and another start. */
const DEAD: WriterIdentity = { ...ME, processStart: 1 }

function locks(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('LOCK'))
}

function folderOf(identity: WriterIdentity): string {
  return DirectoryWriter.create(temporaryDirectory(), { identity }).path
}

const take = (folder: string) => FolderClaim.take(nodeFiles, folder, ME)

test('a live writer, one of another machine and one that is just coming keep their folders', () => {
  expect(take(folderOf(ME))).toBe('alive')
  expect(take(folderOf({ ...DEAD, hostname: 'elsewhere' }))).toBe('unknown')
  const coming = join(temporaryDirectory(), 'w-1-1-00000001')
  mkdirSync(coming)
  expect(take(coming)).toBe('unknown')
  const unreadable = folderOf(DEAD)
  writeFileSync(join(unreadable, 'LOCK'), '')
  utimesSync(join(unreadable, 'LOCK'), 1, 1)
  expect(take(unreadable)).toBe('unknown')
})

test.each([
  ['of a process that was killed', DEAD],
  ['of an earlier boot', { ...ME, bootId: 'another' }],
  ['of a number that is not in use', { ...DEAD, pid: 2 ** 30 }],
])('the folder %s is taken over, once, and closed afterwards', (_, identity) => {
  const folder = folderOf(identity)
  const claim = take(folder)
  expect(claim).toBeInstanceOf(FolderClaim)
  expect(locks(folder).sort()).toEqual(['LOCK', 'LOCK.1'])
  expect(take(folder)).toBe('alive')
  ;(claim as FolderClaim).release()
  expect(locks(folder)).toEqual([])
  const again = take(folder)
  expect(again).toBeInstanceOf(FolderClaim)
  ;(again as FolderClaim).release()
})

test('a claim whose process has died is passed, also one that was cut off', () => {
  const folder = folderOf(DEAD)
  writeLock(nodeFiles, join(folder, 'LOCK.1'), DEAD)
  writeFileSync(join(folder, 'LOCK.2'), '{"pid":')
  expect(take(folder)).toBe('unknown') // it may be on its way
  utimesSync(join(folder, 'LOCK.2'), 1, 1)
  const claim = take(folder) as FolderClaim
  expect(locks(folder)).toContain('LOCK.3')
  claim.release()
  expect(locks(folder)).toEqual([])
})

test.each([
  ['takes it', false],
  ['takes it, gives it up and takes it again', true],
])('while one looks and writes another one %s: one at most has the folder', (_, twice) => {
  // the second one does everything at once, at each step of the first one
  for (let step = 0; ; step++) {
    const folder = folderOf(DEAD)
    writeLock(nodeFiles, join(folder, 'LOCK.1'), DEAD)
    let steps = 0
    let other: ReturnType<typeof take> | undefined
    const files = new Proxy<FileLayer>(nodeFiles, {
      get(target, name: keyof FileLayer) {
        if (!['open', 'readdir', 'write', 'close', 'readText'].includes(name)) return target[name]
        return (...args: unknown[]) => {
          if (String(args[0]).startsWith('/proc'))
            return (target[name] as () => unknown)(...(args as []))
          if (steps++ === step) {
            other = take(folder)
            if (twice && other instanceof FolderClaim) {
              other.release()
              other = take(folder)
            }
          }
          return (target[name] as (...all: unknown[]) => unknown)(...args)
        }
      },
    })
    const claim = FolderClaim.take(files, folder, ME)
    const have = [claim, other].filter((one) => one instanceof FolderClaim)
    expect(have.length, `step ${step}`).toBeLessThanOrEqual(1)
    for (const one of have) one.release()
    expect(take(folder), `after step ${step}`).toBeInstanceOf(FolderClaim)
    if (steps <= step) {
      expect(step).toBeGreaterThan(5)
      return
    }
  }
})

test('a failing disk leaves no claim behind', () => {
  for (let failAt = 0; ; failAt++) {
    const memory = new MemoryFiles()
    const { path } = DirectoryWriter.create('/db', {
      files: memory,
      identity: { ...DEAD, bootId: null },
    })
    const openBefore = memory.openCount
    const failing = new FailingFiles(memory)
    failing.failAt = failAt
    failing.failure = 'ENOSPC'
    const identity = { ...ME, hostname: hostname(), pid: 2 ** 30 }
    let taken: unknown
    try {
      taken = FolderClaim.take(failing.files, path, identity)
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    }
    expect(memory.openCount).toBe(openBefore)
    if (taken === undefined) expect(memory.list(path)).not.toContain('LOCK.1')
    if (failing.operations <= failAt) return
  }
})

test('processes that are killed while they have the folder, four at once: never two in it', async () => {
  const folder = folderOf(DEAD)
  const program = fileURLToPath(new URL('../../crash/fixtures/claim-forever.ts', import.meta.url))
  const start = () =>
    spawn(process.execPath, ['--import', 'tsx', program, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const children = Array.from({ length: 4 }, start)
  await Promise.all(children.map(({ stdout }) => once(stdout, 'data')))
  for (let kill = 0; kill < 3; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 150))
    children[kill]!.kill('SIGKILL')
    await once(children[kill]!, 'close')
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  children[3]!.kill('SIGKILL')
  await once(children[3]!, 'close')
  const log = readFileSync(join(folder, 'log'), 'utf8').trim().split('\n')
  // every claim begins after the one before has ended, or its process has been killed
  let inside: string | undefined
  const killed = new Set(children.map(({ pid }) => String(pid)))
  let claims = 0
  for (const line of log) {
    const [pid, what] = line.split(' ')
    if (what === 'in') {
      claims++
      if (inside !== undefined) {
        expect(killed.delete(inside), `${pid} while ${inside} had the folder`).toBe(true)
      }
      inside = pid
    } else {
      expect(pid).toBe(inside)
      inside = undefined
    }
  }
  expect(claims).toBeGreaterThan(20)
})
