/** Sealing what others have left, merging and expiry: on a failing disk, and what they do to rows and totals. */
import { expect, test } from 'vitest'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import { FolderKeeper } from '../../../src/database/maintain/folder-keeper.ts'
import { loadKernels } from '../../../src/database/kernels/kernels.ts'
import { Pace } from '../../../src/database/pace.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { FailingFiles, MemoryFiles, type Failure } from '../../support/memory-files.ts'
import { sortRows, type IdRow } from '../../support/read-folder.ts'
import { rolledUp, storedRows } from '../../support/stored-rows.ts'

const HOUR_US = 3_600_000_000
const START_US = 1_700_000_000_000_000 - (1_700_000_000_000_000 % (24 * HOUR_US))
const EVERYTHING = { all: true, minAgeMs: 0, newest: 0 }
const kernels = loadKernels()

class QuickPace extends Pace {
  override wait(): Promise<void> {
    return Promise.resolve()
  }
}

const pace = new QuickPace()

/** Over two hours, of two functions and weights, some with errors and time in children. */
function batch(n: number): IdRow[] {
  return Array.from({ length: 30 + 100 * (n % 3) }, (_, i) => {
    const row: IdRow = [
      i % 2,
      START_US + n * HOUR_US + i * 30_000_000,
      1000 * i + n,
      i % 7 === 0 ? 1 : 0,
    ]
    if (i % 5 === 0)
      row[4] = { context: 0, childrenNs: i, weight: 1 + (i % 3), attributes: '{"a":1}' }
    return row
  })
}

/** The folder of a writer that has died after `logs` logs, of which the last two are not sealed. */
async function leftBehind(
  logs: number,
): Promise<{ memory: MemoryFiles; path: string; rows: IdRow[] }> {
  const memory = new MemoryFiles()
  const writer = DirectoryWriter.create('/db', { files: memory, kernels })
  const rows: IdRow[] = []
  for (let n = 0; n < logs; n++) {
    writer.append(toColumns(batch(n)), { slot: 0, slotSequence: rows.length })
    rows.push(...batch(n))
    if (n === logs - 1) break
    const sequence = writer.rotate()
    if (n < logs - 2) await writer.seal(sequence)
  }
  writer.close()
  return { memory, path: writer.path, rows }
}

/** Does `work` until it succeeds. */
async function insist(work: () => unknown): Promise<void> {
  for (let failures = 0; ; failures++) {
    try {
      await work()
      return
    } catch (error) {
      if ((error as { code?: string }).code !== 'KRONICLER_IO' || failures > 3) throw error
    }
  }
}

function refuse(fault: Error): void {
  throw fault
}

type Keeping = (keeper: FolderKeeper) => unknown

/** What is done, and the files that are left then. */
const STEPS: [string, Keeping, string[]][] = [
  [
    'sealing',
    (keeper) => keeper.sealLogs(pace, refuse),
    ['seg.000000-000000', 'seg.000001-000001', 'seg.000002-000002', 'seg.000003-000003'],
  ],
  ['merging', (keeper) => keeper.compact(EVERYTHING, pace, refuse), ['seg.000000-000003']],
  [
    'expiry',
    async (keeper) => {
      for (const run of keeper.segmentsBefore(START_US + 48 * HOUR_US)) {
        await keeper.expire(run, pace, refuse)
      }
    },
    ['roll.000000-000003'],
  ],
]

const CODES: [Failure, string[]][] = [
  [
    'EIO',
    [
      'open',
      'close',
      'read',
      'write',
      'fdatasync',
      'rename',
      'unlink',
      'stat',
      'fstat',
      'fsyncDirectory',
      'fdatasyncSync',
    ],
  ],
  ['ENOSPC', ['open', 'write', 'rename']],
  ['short', ['write']],
]

/** Does a step until it succeeds, and removes what failures have left; everything must be there, before that and after. */
async function keep(
  { rows, path }: Awaited<ReturnType<typeof leftBehind>>,
  memory: MemoryFiles,
  failing: FailingFiles,
  [, step, files]: (typeof STEPS)[number],
): Promise<void> {
  const keeper = new FolderKeeper(path, { files: failing.files, isOwner: false })
  const what = `failure at ${failing.failAt}: ${failing.failure}`
  const complete = (): void => {
    const rolled = rolledUp(memory, path).reduce((sum, { total }) => sum + total.calls, 0)
    const stored = storedRows(memory, path)
    expect(stored.length + rolled, what).toBe(rows.length)
    if (rolled === 0) expect(sortRows(stored), what).toEqual(sortRows([...rows]))
  }
  await insist(async () => {
    try {
      await step(keeper)
    } finally {
      complete()
    }
  })
  await insist(() => {
    keeper.removeLeftovers()
  })
  complete()
  const left = memory.list(path).filter((name) => name !== 'dict')
  expect(left, what).toEqual(files)
  expect(memory.openCount, `${what}: descriptors are left open`).toBe(0)
}

test.each(STEPS)(
  '%s: whichever operation fails, no row is lost and none doubled',
  async (...step) => {
    const prepared = await leftBehind(4)
    const { memory: before, path } = prepared
    const sound = new FolderKeeper(path, { files: before, isOwner: false })
    for (const [name, earlier] of STEPS) {
      if (name === step[0]) break
      await earlier(sound)
      sound.removeLeftovers()
    }
    const memory = before.clone()
    const counting = new FailingFiles(memory)
    await keep(prepared, memory, counting, step)
    for (const [failAt, name] of counting.names.entries()) {
      for (const [failure, names] of CODES) {
        if (!names.includes(name)) continue
        const files = before.clone()
        const failing = new FailingFiles(files)
        Object.assign(failing, { failAt, failure })
        await keep(prepared, files, failing, step)
        expect(failing.lastFailed).toBe(name)
      }
    }
    expect(counting.names).toEqual(
      expect.arrayContaining(['open', 'read', 'write', 'fdatasync', 'rename']),
    )
  },
)

test('totals of an hour are those of its rows', async () => {
  const { memory, path, rows } = await leftBehind(6)
  const keeper = new FolderKeeper(path, { files: memory, isOwner: false })
  await keeper.sealLogs(pace, refuse)
  // first three segments, then the rest into a wider roll-up
  const [run] = keeper.segmentsBefore(START_US + 48 * HOUR_US)
  await keeper.expire(run!.slice(0, 3), pace, refuse)
  expect(memory.list(path)).toContain('roll.000000-000002')
  await keeper.expire(run!.slice(3), pace, refuse)
  expect(memory.list(path).filter((name) => /^(seg|roll)/.test(name))).toEqual([
    'roll.000000-000005',
  ])
  const hours = new Map<string, { rows: number; errors: number; sum: bigint; children: number }>()
  for (const [id, startUs, durationNs, error, extras] of rows) {
    const key = `${id} ${extras?.weight ?? 1} ${Math.floor(startUs / HOUR_US)}`
    const hour = hours.get(key) ?? { rows: 0, errors: 0, sum: 0n, children: 0 }
    hours.set(key, hour)
    hour.rows++
    if (error !== 0) hour.errors++
    hour.sum += BigInt(durationNs)
    hour.children += extras?.childrenNs ?? 0
  }
  const found = rolledUp(memory, path).map(({ functionId, total, weight }) => {
    const hour = Math.floor(total.firstUs / HOUR_US)
    expect(Math.floor(total.lastUs / HOUR_US)).toBe(hour)
    const sum = BigInt(total.sumHigh) * 2n ** 32n + BigInt(total.sumLow)
    const { calls, childrenNs, errors } = total
    return [`${functionId} ${weight} ${hour}`, { rows: calls, errors, sum, children: childrenNs }]
  })
  expect(new Map(found as [string, never][])).toEqual(hours)
  expect(found).toHaveLength(hours.size)
})

test('a damaged segment stays as it is, and so does what would be merged with it', async () => {
  const { memory, path, rows } = await leftBehind(4)
  const keeper = new FolderKeeper(path, { files: memory, isOwner: false })
  await keeper.sealLogs(pace, refuse)
  const inode = memory.names.get(`${path}/seg.000001-000001`)!
  inode.bytes[100]! ^= 1
  const faults: { path: string }[] = []
  while (await keeper.compact(EVERYTHING, pace, (fault) => faults.push(fault)));
  for (const run of keeper.segmentsBefore(START_US + 48 * HOUR_US)) {
    await keeper.expire(run, pace, (fault) => faults.push(fault))
  }
  expect(faults.map((fault) => fault.path)).toEqual([`${path}/seg.000001-000001`])
  expect(memory.list(path).filter((name) => name !== 'dict')).toEqual([
    'roll.000000-000000',
    'roll.000002-000003',
    'seg.000001-000001',
  ])
  expect(rows.length).toBeGreaterThan(0)
})

/** Puts the files into another file system. */
function filesOf<Files extends MemoryFiles>(memory: MemoryFiles, into: Files): Files {
  for (const [name, inode] of memory.names) into.names.set(name, inode)
  for (const folder of memory.folders) into.folders.add(folder)
  return into
}

/** A file system that takes longer than a turn to open a file or remove one; `events` tells what happened, turns included. */
class SlowFiles extends MemoryFiles {
  readonly events: string[] = []

  override open(path: string, flags: 'r' | 'r+' | 'wx+'): number {
    this.#take('open')
    return super.open(path, flags)
  }

  override unlink(path: string): void {
    this.#take('unlink')
    super.unlink(path)
  }

  #take(event: string): void {
    this.events.push(event)
    const start = performance.now()
    while (performance.now() - start < 2.5);
  }
}

test('what takes long for each of many files is done file by file, and others have their turn in between', async () => {
  const { path, memory } = await leftBehind(8)
  const slow = filesOf(memory, new SlowFiles())
  const turns = new QuickPace({ onTurn: () => slow.events.push('turn') })
  const keeper = new FolderKeeper(path, { files: slow, isOwner: true })

  await keeper.learnHeaders(turns)
  expect(slow.events.filter((event) => event === 'open')).toHaveLength(6)
  expectTurns(slow.events, 'open')

  slow.events.length = 0
  while (await keeper.compact(EVERYTHING, turns, refuse));
  expect(slow.events.filter((event) => event === 'unlink').length).toBeGreaterThanOrEqual(6)
  expectTurns(slow.events, 'unlink')
})

function expectTurns(events: readonly string[], event: string): void {
  const doubled = events.findIndex((one, i) => one === event && events[i + 1] === event)
  expect(doubled, `two of ${event} in a row: ${events.join(' ')}`).toBe(-1)
}

test('the next merge does not wait until readers have left what the one before has superseded', async () => {
  const { memory, path, rows } = await leftBehind(10)
  const events: string[] = []
  class WatchedFiles extends MemoryFiles {
    override rename(from: string, to: string): void {
      events.push('merged')
      super.rename(from, to)
    }
  }
  class WatchedPace extends Pace {
    override wait(): Promise<void> {
      events.push('wait')
      return Promise.resolve()
    }
  }
  const files = filesOf(memory, new WatchedFiles())
  const keeper = new FolderKeeper(path, { files, isOwner: true })
  while (await keeper.compact({ ...EVERYTHING, most: 3 }, new WatchedPace(), refuse));
  const merges = events.filter((event) => event === 'merged').length
  expect(merges).toBeGreaterThan(1)
  expect(events.slice(0, merges)).not.toContain('wait')
  expect(events).toContain('wait')
  expect(files.list(path).filter((name) => name.startsWith('seg.'))).toHaveLength(1)
  expect(sortRows(storedRows(files, path))).toEqual(sortRows([...rows]))
})
