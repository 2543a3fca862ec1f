import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import { displayWidth } from '../../../src/cli/text.ts'
import { runCli } from '../../../src/cli/program.ts'
import { DirectoryWriter } from '../../../src/database/write/directory-writer.ts'
import {
  encodeDictionaryEntry,
  KIND_FUNCTION,
  KIND_PLACE,
} from '../../../src/database/format/dictionary.ts'
import { DatabaseWriter } from '../../../src/database.ts'
import { toColumns } from '../../support/arbitrary-rows.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))
const START_MS = new Date(2026, 0, 31, 12).getTime()
const HOSTILE = '\u001b[2J\u001b[31mrm -rf\u001b[0m\n👩‍👩‍👧 שלום ' + 'long'.repeat(100)

let directory: string

beforeEach(async () => {
  directory = temporaryDirectory()
  const writer = DatabaseWriter.open(directory)
  for (let i = 0; i < 100; i++) {
    const durationNs = i === 50 ? 5e9 : 1000 + i
    writer.insert({
      function: 'checkout.pay',
      startMs: START_MS + i,
      durationNs,
      error: i === 7 ? 'TypeError' : undefined,
    })
    writer.insert({ function: 'steady', startMs: START_MS + i, durationNs: 2e8 })
  }
  writer.insert({ function: HOSTILE, startMs: START_MS, durationNs: 0 })
  await writer.close()
})

async function run(args: string[], { tty = false, columns = 80, env = {} } = {}) {
  const output = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => (output[name] += text),
    isTTY: tty,
    columns,
  })
  const code = await runCli(args, {
    env: { KRONICLER_DIR: directory, ...env },
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    signal: new AbortController().signal,
  })
  return { code, ...output }
}

describe('functions', () => {
  test('the occasionally slow one comes first', async () => {
    const { code, stderr, stdout } = await run(['functions'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^function +calls +errors +mean +p50 +p99 +max +slow +in slow +time$/)
    expect(lines[1]).toMatch(
      /^checkout\.pay +100 +1 +50\.0 ms +1\.05 µs +.* +5\.00 s +1 +>?99\.9 % +20\.0 %$/,
    )
    expect(lines[2]).toMatch(/^steady +100 +0 +200 ms +200 ms +200 ms +200 ms +0 +– +80\.0 %$/)
    expect(lines).toHaveLength(4)
  })

  test.each([
    ['total', 'steady'],
    ['max', 'checkout.pay'],
    ['errors', 'checkout.pay'],
    ['p99', 'steady'],
    ['name', '·[2J'],
  ])('--sort %s', async (sort, first) => {
    const { stdout } = await run(['functions', '--sort', sort, '--limit', '1'])
    expect(stdout.split('\n')[1]).toContain(first)
    expect(stdout).toContain('and 2 more')
  })

  test('--json is the answer of the database', async () => {
    const { stdout } = await run(['--json', 'functions', '--sort', 'name'])
    const functions = JSON.parse(stdout)
    expect(functions.map(({ function: name }: { function: string }) => name)).toEqual(
      [HOSTILE, 'checkout.pay', 'steady'].sort(),
    )
    expect(functions[1]).toMatchObject({ calls: 100, errors: 1, maxNs: 5e9 })
    expect(
      functions.find(({ calls }: { calls: number }) => calls === 1).standardDeviationNs,
    ).toBeNull()
  })

  test.each([30, 40, 60, 80, 120])('fits a terminal of %d columns', async (columns) => {
    for (const args of [['functions'], ['slowest'], ['stats', 'checkout.pay'], ['tail']]) {
      const { stdout } = await run(args, { tty: true, columns, env: { NO_COLOR: '1' } })
      for (const line of stdout.split('\n'))
        expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(columns, 46))
    }
  })

  test('a range without calls says where there are some', async () => {
    const { stdout } = await run(['functions', '--from', 'now'])
    expect(stdout).toContain('No calls in this range of time. There are 201 from 20')
  })
})

test('colours only on a terminal, and not with NO_COLOR', async () => {
  const escape = '\u001b['
  expect((await run(['functions'], { tty: true })).stdout).toContain(escape)
  expect((await run(['functions'])).stdout).not.toContain(escape)
  expect((await run(['functions'], { tty: true, env: { NO_COLOR: '1' } })).stdout).not.toContain(
    escape,
  )
})

test('hostile names never reach the terminal as they are', async () => {
  for (const args of [
    ['functions'],
    ['slowest', '-n', '300'],
    ['tail', '-n', '300'],
    ['stats', HOSTILE],
  ]) {
    const { stdout } = await run(args)
    expect(stdout).toContain('·[2J·[31mrm -rf·[0m·')
    expect(stdout).not.toContain('\u001b')
  }
  const { stdout } = await run(['tail', '-n', '300', '--json'])
  expect(stdout).toContain(JSON.stringify(HOSTILE))
})

describe('stats', () => {
  test('of one function', async () => {
    const { stdout } = await run(['stats', 'checkout.pay'])
    expect(stdout).toContain('100, 1 failed (1.0 %), 1,010 /s')
    expect(stdout).toMatch(/^first +2026-01-31 12:00:00\.000000$/m)
    expect(stdout).toMatch(/^max +5\.00 s$/m)
    expect(stdout).toMatch(
      /^slow +1 call \(1\.0 %\) above 10\.5 µs \(ten times the median\), >?99\.9 % of the time$/m,
    )
  })

  test('quantiles by either name', async () => {
    const { stdout } = await run(['stats', 'steady', '-q', 'p50,0.999', '--json'])
    expect(JSON.parse(stdout).quantiles).toEqual([
      { quantile: 0.5, durationNs: 2e8, lowerNs: 2e8, upperNs: 2e8 },
      { quantile: 0.999, durationNs: 2e8, lowerNs: 2e8, upperNs: null },
    ])
    expect((await run(['stats', '-q', '99'])).code).toBe(2)
  })

  test('an unknown function: the nearest names', async () => {
    const { code, stderr } = await run(['stats', 'checkout.pya'])
    expect(code).toBe(1)
    expect(stderr).toContain('no function is named checkout.pya\n\nDid you mean\n  checkout.pay')
    expect((await run(['slowest', 'zzzzzzzzz'])).stderr).toContain('kronicler functions')
  })
})

test('slowest and tail', async () => {
  const slowest = await run(['slowest', 'checkout.pay', '--limit', '2'])
  expect(slowest.stdout.split('\n')[1]).toMatch(
    /^ +5\.00 s {2}2026-01-31 12:00:00\.050000 {2}checkout\.pay$/,
  )
  expect(JSON.parse((await run(['slowest', '--json', '-n', '1'])).stdout)).toEqual([
    {
      id: expect.any(String) as string,
      function: 'checkout.pay',
      startMs: START_MS + 50,
      durationNs: 5e9,
      selfNs: 5e9,
      error: null,
      parent: null,
      depth: 0,
      async: false,
      weight: 1,
      attributes: null,
    },
  ])
  const tail = await run(['tail', '-n', '2', '--json'])
  expect(
    tail.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).function),
  ).toEqual(['checkout.pay', 'steady'])
  expect((await run(['tail', '-n', '190'])).stdout).toMatch(
    /12:00:00\.007000 {2} 1\.01 µs {2}checkout\.pay {2}TypeError$/m,
  )
})

describe('callers, self time, samples and attributes', () => {
  const ATTRIBUTES = {
    route: '/pay\u001b[31m\u202e',
    'sp ace\u0007': [1, { deep: null }],
    ['__proto__']: 'own',
    text: 'x'.repeat(300),
  }

  beforeEach(async () => {
    directory = temporaryDirectory()
    const writer = DatabaseWriter.open(directory)
    writer.insert({
      function: 'checkout.pay',
      startMs: START_MS,
      durationNs: 9e6,
      selfNs: 3e6,
      attributes: { order: 17, user: 'ada' },
    })
    writer.insert({
      function: HOSTILE,
      startMs: START_MS + 1,
      durationNs: 6e6,
      parent: 'checkout.pay',
      depth: 1,
      async: true,
      weight: 16,
      error: 'TypeError',
      attributes: JSON.parse(JSON.stringify(ATTRIBUTES)),
    })
    writer.insert({
      function: 'leaf',
      startMs: START_MS + 2,
      durationNs: 1e6,
      parent: HOSTILE,
      depth: 2,
      attributes: {},
    })
    await writer.close()
  })

  test('functions: a column for self time', async () => {
    const { stdout } = await run(['functions'])
    const [titles, ...lines] = stdout.trimEnd().split('\n')
    expect(titles).toMatch(/ time +self$/)
    // 16 x 6 ms of the sample, 3 ms of 9 ms, 1 ms: 100 ms of self time
    expect(lines.find((line) => line.startsWith('checkout.pay'))).toMatch(/ 8\.5 % +3\.0 %$/)
    expect(lines.find((line) => line.startsWith('leaf'))).toMatch(/ 0\.9 % +1\.0 %$/)
    const narrow = await run(['functions'], { tty: true, env: { NO_COLOR: '1' } })
    expect(narrow.stdout.split('\n')[0]).toMatch(/ self$/)
    const sorted = await run(['functions', '--sort', 'self', '-n', '2', '--json'])
    expect(JSON.parse(sorted.stdout).map((f: { selfNs: number }) => f.selfNs)).toEqual([96e6, 3e6])
  })

  test('stats: lines for self time and for samples', async () => {
    const pay = await run(['stats', 'checkout.pay'])
    expect(pay.stdout).toMatch(/^self +3\.00 ms \(33\.3 %\), 3\.00 ms a call$/m)
    expect(pay.stdout).not.toContain('stored')
    const sampled = await run(['stats', HOSTILE])
    expect(sampled.stdout).toMatch(/^calls +16, 16 failed/m)
    expect(sampled.stdout).toMatch(/^stored +1 row stands for these calls, which were sampled$/m)
    expect(sampled.stdout).not.toMatch(/^self/m)
    expect(JSON.parse((await run(['stats', HOSTILE, '--json'])).stdout)).toMatchObject({
      calls: 16,
      rows: 1,
      selfNs: 96e6,
      selfMeanNs: 6e6,
      standardErrorNs: null,
    })
  })

  test('slowest: a second line where there is more to tell', async () => {
    const { stdout } = await run(['slowest', '-n', '2'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toBe(
      'duration  started                     function'.padEnd(lines[0]!.indexOf('error')) + 'error',
    )
    expect(lines[1]).toMatch(/^ 9\.00 ms {2}2026-01-31 12:00:00\.000000 {2}checkout\.pay$/)
    expect(lines[2]).toBe('          self 3.00 ms; order: 17, user: "ada"')
    expect(lines[4]).toContain(
      '          called by checkout.pay; stands for 16 calls; route: "/pay',
    )
    expect(lines).toHaveLength(5)
    const leaf = await run(['slowest', 'leaf'])
    expect(leaf.stdout.trimEnd().split('\n')[2]).toContain('  called by ·[2J·[31mrm -rf')
  })

  test('tail: who called, and attributes, in the same line', async () => {
    const { stdout } = await run(['tail'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/ 9\.00 ms {2}checkout\.pay {2}order: 17, user: "ada"$/)
    expect(lines[1]).toContain('TypeError  ← checkout.pay  route: "/pay')
    expect(lines[2]).toMatch(/ leaf {2}← ·\[2J·\[31mrm -rf/)
  })

  test('--json has all of it, as null where it is not known', async () => {
    const rows = [
      {
        function: 'checkout.pay',
        startMs: START_MS,
        durationNs: 9e6,
        selfNs: 3e6,
        error: null,
        parent: null,
        depth: 0,
        async: false,
        weight: 1,
        attributes: { order: 17, user: 'ada' },
      },
      {
        function: HOSTILE,
        startMs: START_MS + 1,
        durationNs: 6e6,
        selfNs: 6e6,
        error: 'TypeError',
        parent: 'checkout.pay',
        depth: 1,
        async: true,
        weight: 16,
        attributes: JSON.parse(JSON.stringify(ATTRIBUTES)),
      },
      {
        function: 'leaf',
        startMs: START_MS + 2,
        durationNs: 1e6,
        selfNs: 1e6,
        error: null,
        parent: HOSTILE,
        depth: 2,
        async: false,
        weight: 1,
        attributes: {},
      },
    ]
    const tail = await run(['tail', '--json'])
    expect(withoutIds(tail.stdout)).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const slowest = await run(['slowest', '--json'])
    expect(withoutIds(slowest.stdout)).toBe(`${JSON.stringify(rows)}\n`)
  })

  test('attributes never reach the terminal as they are', async () => {
    for (const args of [['slowest'], ['tail']]) {
      const { stdout } = await run(args)
      expect(stdout).toContain('route: "/pay\\u001b[31m·", "sp ace\\u0007": [1,{"deep":null}], ')
      for (const command of ['\u001b', '\u0007', '\u202e']) expect(stdout).not.toContain(command)
    }
  })

  test.each([30, 60, 80, 120])('fits a terminal of %d columns', async (columns) => {
    for (const args of [['functions'], ['slowest'], ['stats'], ['tail']]) {
      const { stdout } = await run(args, { tty: true, columns, env: { NO_COLOR: '1' } })
      for (const line of stdout.split('\n')) {
        expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(columns, 46))
      }
    }
  })
})

describe('what writers tell beside rows', () => {
  beforeEach(() => {
    directory = temporaryDirectory()
    const writer = DirectoryWriter.create(directory)
    for (const [kind, id, text] of [
      [KIND_FUNCTION, 1, 'pay'],
      [KIND_PLACE, 1, 'src/checkout.ts:12\u001b'],
      [KIND_FUNCTION, 2, 'elsewhere'],
      [KIND_FUNCTION, 3, '(kronicler)'],
    ] as const) {
      writer.appendNames(encodeDictionaryEntry(kind, id, text))
    }
    const rows = [1, 2, 3].map((id): [number, number, number, number] => [id, 1, 1000 * id, 0])
    writer.append(toColumns(rows), { slot: 0, slotSequence: 0 })
    writer.storeCounters({ dropped: 0, filtered: 1234, attributesDropped: 0 })
    writer.close()
  })

  test('where functions are defined, if there is room', async () => {
    const [titles, elsewhere, pay] = (await run(['functions', '--sort', 'total'])).stdout.split(
      '\n',
    )
    expect(titles).toMatch(/ time {2}defined at$/)
    expect(elsewhere).toMatch(/ 66\.7 %$/)
    expect(pay).toMatch(/ 33\.3 % {2}src\/checkout\.ts:12·$/)
    const narrow = await run(['functions'], { tty: true, columns: 80 })
    expect(narrow.stdout).not.toContain('defined')
    const json = JSON.parse((await run(['functions', '--json', '--sort', 'name'])).stdout)
    expect(json.map((stats: { definedAt: unknown }) => stats.definedAt)).toEqual([
      null,
      'src/checkout.ts:12\u001b',
    ])
  })

  test('how many calls were left out on request', async () => {
    const text =
      '1,234 calls were left out on request: faster than slowerThan, or not in the sample\n'
    expect((await run(['functions'])).stdout.endsWith(text)).toBe(true)
    expect((await run(['stats'])).stdout.endsWith(text)).toBe(true)
    expect((await run(['stats', 'pay'])).stdout).not.toContain('left out')
  })

  test("Kronicler's own function can be asked for, and is not listed", async () => {
    expect((await run(['functions'])).stdout).not.toContain('kronicler')
    expect((await run(['tail'])).stdout).not.toContain('kronicler')
    expect((await run(['stats', '(kronicler)'])).stdout).toMatch(/^calls +1, no errors/m)
    expect((await run(['slowest', '(kronicler)'])).stdout).toMatch(/ 3\.00 µs .* \(kronicler\)$/m)
  })
})

describe('what goes wrong', () => {
  test.each([
    [['functionz'], 2, 'Did you mean functions?'],
    [['--nonsense'], 2, 'unknown option'],
    [['functions', '--sort', 'speed'], 2, 'Allowed choices'],
    [['slowest', '-n', '0'], 2, 'from 1 to 100000'],
    [['stats', '--from', 'yesterday'], 2, "--from must be an instant such as '2026"],
    [['stats', '--from', 'now', '--to', '-1h'], 2, '--from must not lie after to'],
    [['functions', '--dir', '/nonexistent'], 1, "import { capture } from 'kronicler'"],
    [['functions', '--dir', ''], 2, '--dir must be a path'],
  ])('%j', async (args, expected, message) => {
    const { code, stderr, stdout } = await run(args)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
  })

  test('help and version', async () => {
    for (const args of [
      ['--help'],
      ['help'],
      ['help', 'stats'],
      ...['functions', 'stats', 'slowest', 'tail'].map((c) => [c, '-h']),
    ]) {
      const { code, stdout } = await run(args)
      expect(code).toBe(0)
      expect(stdout).toContain('Examples:\n  kronicler ')
      expect(stdout).toContain('--dir <path>')
    }
    expect(await run(['--version'])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    })
  })

  test('damage: file and byte on stderr, exit code 1, and the rest of the answer', async () => {
    const folder = join(
      directory,
      readdirSync(directory).find((name) => name.startsWith('w-'))!,
    )
    const segment = join(
      folder,
      readdirSync(folder).find((name) => name.startsWith('seg.'))!,
    )
    const bytes = readFileSync(segment)
    bytes[70]! ^= 1
    writeFileSync(segment, bytes)
    const { code, stderr, stdout } = await run(['slowest'])
    expect(code).toBe(1)
    expect(stderr).toContain(`damaged: ${segment}: corrupt at byte 64: `)
    expect(stdout).toBe('None of the 201 calls can be read.\n')
    bytes[0]! ^= 1
    writeFileSync(segment, bytes)
    const all = await run(['functions'])
    expect(all.code).toBe(1)
    expect(all.stderr).toContain(`${segment}: corrupt at byte 0: `)
  })

  test('a torn tail is only a warning', async () => {
    const writer = DatabaseWriter.open(directory)
    for (let i = 0; i < 2; i++) {
      writer.insert({ function: 'torn', startMs: START_MS + i, durationNs: 5 })
      writer.flush()
    }
    unlinkSync(join(writer.path, 'LOCK'))
    const log = join(writer.path, 'wal.000000')
    truncateSync(log, readFileSync(log).length - 8)
    const { code, stderr, stdout } = await run(['stats', 'torn'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^warning: .*wal\.000000: torn at byte \d+: /)
    expect(stdout).toContain('1, no errors')
  })

  test('an empty database', async () => {
    const empty = temporaryDirectory()
    await DatabaseWriter.open(empty).close()
    for (const args of [['functions'], ['stats'], ['slowest'], ['tail']]) {
      const { code, stdout } = await run([...args, '--dir', empty])
      expect(code).toBe(0)
      expect(stdout).toContain(`No calls are stored in ${empty} yet.`)
    }
    expect((await run(['functions', '--json', '--dir', empty])).stdout).toBe('[]\n')
  })
})

describe('as a process', () => {
  const start = (...args: string[]) =>
    spawn(process.execPath, ['--import', 'tsx', MAIN, '--dir', directory, ...args], {
      stdio: 'pipe',
    })

  test('exit codes and streams', () => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', MAIN, 'stats', 'nobody', '--dir', directory],
      { encoding: 'utf8' },
    )
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain('no function is named nobody')
  })

  test('tail --follow shows new calls and ends with SIGINT, exit code 0', async () => {
    const child = start('tail', '--follow', '--json', '-n', '1')
    let output = ''
    child.stdout.on('data', (data: Buffer) => (output += data.toString()))
    await expect.poll(() => output, { timeout: 20_000 }).toContain('steady')
    const writer = DatabaseWriter.open(directory)
    writer.insert({ function: 'fresh', startMs: START_MS, durationNs: 7 })
    writer.flush()
    await expect.poll(() => output, { timeout: 20_000 }).toContain('"fresh"')
    child.kill('SIGINT')
    const [code, signal] = await once(child, 'close')
    expect({ code, signal }).toEqual({ code: 0, signal: null })
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).function),
    ).toEqual(['steady', 'fresh'])
    await writer.close()
  })

  test('a reader that has seen enough is no error', async () => {
    const child = start('tail', '--follow', '--json', '-n', '200')
    let errors = ''
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const writer = DatabaseWriter.open(directory)
    const timer = setInterval(() => {
      writer.insert({ function: 'more', startMs: START_MS, durationNs: 7 })
      writer.flush()
    }, 20)
    const [code] = await once(child, 'close')
    clearInterval(timer)
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    await writer.close()
  })
})

/** Ids of rows name the folder, which is another one each time. */
function withoutIds(text: string): string {
  return text.replaceAll(/"id":"w-[\da-f:-]+",/g, '')
}
