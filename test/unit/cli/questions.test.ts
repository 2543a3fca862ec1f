/** series, histogram, calls, count, export: as a user sees them, and as a program reads them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { csvLine } from '../../../src/cli/csv.ts'
import { lyingBar, uprightBars } from '../../../src/cli/draw.ts'
import { displayWidth } from '../../../src/cli/text.ts'
import { formatStep, stepFor } from '../../../src/cli/time-scale.ts'
import { DatabaseWriter } from '../../../src/database.ts'
import { runCommand, type RunOptions } from '../../support/run-command.ts'
import { sharedTemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))
const START_MS = new Date(2026, 0, 31, 12).getTime()
const HOSTILE = '=cmd|"/C calc"!A0\u001b[31m,\n'

const directory = sharedTemporaryDirectory()

beforeAll(async () => {
  const writer = DatabaseWriter.open(directory)
  for (let i = 0; i < 200; i++) {
    if (i >= 80 && i < 100) continue
    writer.insert({
      function: 'checkout.pay',
      startMs: START_MS + 1000 * i,
      durationNs: i % 50 === 49 ? 80e6 : 1e6 * (1 + i / 100),
      error: i === 120 ? 'TypeError' : i === 130 ? 'TimeoutError' : undefined,
      attributes: { order: i, user: i % 2 === 0 ? 'ada' : 'bob', big: i > 150 },
    })
  }
  writer.insert({ function: HOSTILE, startMs: START_MS, durationNs: 0, error: HOSTILE })
  await writer.close()
})

const run = (args: string[], options: RunOptions = {}) =>
  runCommand(args, {
    ...options,
    env: { KRONICLER_DIR: directory, NO_COLOR: '1', ...options.env },
  })

/** A screen of so many columns. */
const screen = async (columns: number, ...args: string[]) =>
  (await run(args, { tty: true, columns })).stdout.split('\n')

describe('series', () => {
  test('drawn: what is empty is seen', async () => {
    expect(await screen(40, 'series', 'checkout.pay')).toEqual([
      'checkout.pay',
      '180 calls, 2026-01-31 12:00:00 to',
      '12:03:19, 10 s a bar',
      '',
      'p99',
      ' 73.1 ms ┤    █         █    █',
      '         │    █         █    █',
      ' 36.5 ms ┤    █         █    █',
      '         │▁▁▁▁█▁▁▁··▁▁▁▁█▁▁▁▁█',
      'p50',
      ' 2.95 ms ┤             ▁▂▄▅▆▇█',
      '         │     ▁▂▃  ▆▇████████',
      ' 1.47 ms ┤▃▄▆▇████  ██████████',
      '         │████████··██████████',
      'calls in 10 s',
      '      10 ┤████████  ██████████',
      '         │████████  ██████████',
      '       5 ┤████████  ██████████',
      '         │████████··██████████',
      '  failed │            ××      ',
      '         └┴──────────┴────────',
      '          12:00:00   12:01:50',
      '',
    ])
  })

  test('as a table, where nobody looks at lines or there are more of them than cells', async () => {
    const { stdout } = await run(['series', 'checkout.pay', '--step', '20s'])
    expect(stdout.split('\n').slice(0, 7)).toEqual([
      'checkout.pay',
      'from      calls  errors     mean      p50      p90      p99      max',
      '12:00:00     20       0  1.09 ms  1.09 ms  1.17 ms  1.19 ms  1.19 ms',
      '12:00:20     20       0  1.29 ms  1.29 ms  1.37 ms  1.39 ms  1.39 ms',
      '12:00:40     20       0  5.42 ms  1.51 ms  1.58 ms  65.1 ms  80.0 ms',
      '12:01:00     20       0  1.70 ms  1.70 ms  1.76 ms  1.79 ms  1.79 ms',
      '12:01:20      0       –        –        –        –        –        –',
    ])
    const narrow = await screen(40, 'series', 'checkout.pay', '--step', '2s')
    expect(narrow[1]).toBe('from      calls      p99      max')
  })

  test('--json is the answer of the database; ranges that are open, half open and empty', async () => {
    const json = async (...args: string[]) =>
      JSON.parse((await run(['series', '--json', ...args])).stdout)
    const all = await json('--step', '1m')
    expect(all).toMatchObject({ stepMs: 60_000 })
    expect(all.points.map(({ calls }: { calls: number }) => calls)).toEqual([61, 40, 60, 20])
    const from = new Date(START_MS + 180_000).toISOString()
    expect((await json('--from', from, '--to', from, '--step', '1m')).points).toEqual([])
    const to = new Date(START_MS + 200_000).toISOString()
    const part = await json('checkout.pay', '--from', from, '--to', to, '--step', '1s')
    expect(part.function).toBe('checkout.pay')
    expect(part.points).toHaveLength(20)
    expect((await run(['series', '--from', '-1h'])).stdout).toContain('all functions')
    expect((await run(['series', '--step', '1ns'])).code).toBe(2)
    expect((await run(['series', '--step', '1us'])).code).toBe(1)
  })

  test('nothing is stored', async () => {
    const empty = temporaryDirectory()
    await DatabaseWriter.open(empty).close()
    const env = { KRONICLER_DIR: empty }
    expect((await run(['series'], { env })).stdout).toMatch(/^No calls are stored in /)
    expect(JSON.parse((await run(['series', '--json'], { env })).stdout).points).toEqual([])
    expect((await run(['histogram'], { env })).stdout).toContain('No calls are stored in ')
    expect((await run(['calls'], { env })).stdout).toMatch(/^No calls are stored in /)
    expect((await run(['count'], { env })).stdout).toBe('0\n')
    expect(await run(['export'], { env })).toEqual({ code: 0, stderr: '', stdout: '' })
  })
})

describe('histogram', () => {
  test('drawn, with marks', async () => {
    expect(await screen(60, 'histogram', 'checkout.pay', '-b', '8')).toEqual([
      'checkout.pay',
      '180 calls, 1.00 ms to 80.0 ms',
      '   from  calls',
      ' 977 µs     79  ███████████████████████████████▌',
      '1.95 ms     98  █████████████████████████████████  ◂ p50 p90',
      '3.91 ms      ·',
      '7.81 ms      ·',
      '15.6 ms      ·',
      '31.3 ms      ·',
      '62.5 ms      3  ██████████                         ◂ p99',
      'The length of a bar is the logarithm of its calls.',
      '',
    ])
    const linear = await screen(60, 'histogram', 'checkout.pay', '-b', '8', '--linear')
    expect(linear[9]).toBe('62.5 ms      3  █                                  ◂ p99')
  })

  test('--json', async () => {
    const { buckets, calls } = JSON.parse((await run(['histogram', '--json', '-b', '4'])).stdout)
    expect(calls).toBe(181)
    expect(buckets.length).toBeLessThanOrEqual(4)
    expect((await run(['histogram', '-b', '5000'])).code).toBe(2)
  })
})

describe('calls and count', () => {
  test('a table, in the order asked for', async () => {
    const { stdout } = await run(['calls', 'checkout.pay', '--order=-duration', '-n', '2'])
    expect(stdout.split('\n')).toEqual([
      'duration  started                     function',
      ' 80.0 ms  2026-01-31 12:00:49.000000  checkout.pay',
      '          order: 49, user: "bob", big: false',
      ' 80.0 ms  2026-01-31 12:02:29.000000  checkout.pay',
      '          order: 149, user: "bob", big: false',
      '',
    ])
  })

  test.each([
    [['--where', 'user=ada', '--where', 'big=true'], 24],
    [['--where', 'order=17'], 1],
    [['--where', 'order="17"'], 0],
    [['--error'], 3],
    [['--error', 'TypeError'], 1],
    [['--no-error'], 178],
    [['--min-duration', '50ms'], 3],
    [['--max-duration', '1ms'], 1],
    [['--min-duration', '50ms', '--max-duration', '80ms'], 0],
    [['checkout.pay', '--to', new Date(START_MS + 5000).toISOString()], 5],
  ])('%j', async (args, expected) => {
    expect((await run(['count', ...args])).stdout).toBe(`${expected}\n`)
    const { stdout } = await run(['calls', '--json', '-n', '1000', ...args])
    expect(stdout.split('\n').length - 1).toBe(expected)
    const exported = await run(['export', ...args])
    expect(exported.stdout).toBe(stdout)
  })

  test('what is not understood', async () => {
    for (const args of [
      ['--where', 'x'],
      ['--where', '=1'],
      ['--min-duration', '5'],
      ['--order', 'x'],
    ]) {
      expect((await run(['calls', ...args])).code, args.join()).toBe(2)
    }
    expect((await run(['calls', 'checkout.pya'])).stderr).toContain('Did you mean\n  checkout.pay')
    expect((await run(['calls', '--where', 'user=zoe'])).stdout).toBe('No call is as asked for.\n')
  })
})

describe('export', () => {
  test('CSV as in RFC 4180; no text is taken for a formula, unless asked for', async () => {
    const { stdout } = await run(['export', HOSTILE, '--format', 'csv'])
    const start = new Date(START_MS).toISOString().replace('Z', '000Z')
    const name = `"'${HOSTILE.replaceAll('"', '""')}"`
    expect(stdout).toBe(
      'function,start,start_ms,duration_ns,self_ns,error,parent,depth,async,weight,attributes\r\n' +
        `${name},${start},${START_MS},0,0,${name},,0,false,1,\r\n`,
    )
    const raw = await run(['export', HOSTILE, '--format', 'csv', '--no-formulas'])
    expect(raw.stdout).toContain(`\r\n"=cmd|""/C calc""!A0`)
  })

  test.each([
    [['a', 1, true, undefined, ''], 'a,1,true,,""\r\n'],
    [['-1', '+1', '@x', '\t', '\r', '＝x'], `'-1,'+1,'@x,"'\t","'\r",'＝x\r\n`],
    [[' a', 'a ', 'a,b', 'a"b', 'a\nb'], '" a","a ","a,b","a""b","a\nb"\r\n'],
    [[-1, 1e21], '-1,1e+21\r\n'],
  ])('%j', (cells, line) => {
    expect(csvLine(cells, true)).toBe(line)
  })

  test('to a file, which is there when it is complete', async () => {
    const folder = temporaryDirectory()
    const path = join(folder, 'calls.ndjson')
    writeFileSync(path, 'before')
    const { stdout } = await run(['export', 'checkout.pay', '-o', path])
    expect(stdout).toBe(`180 calls written to ${path}\n`)
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(180)
    const failed = await run(['export', '-o', join(folder, 'nowhere', 'x')])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/^kronicler: writing .*nowhere/)
    const interrupted = await run(['export', '-o', path], { signal: AbortSignal.abort() })
    expect(interrupted).toMatchObject({ code: 130, stderr: 'Interrupted.\n' })
    expect(readdirSync(folder)).toEqual(['calls.ndjson'])
    expect(existsSync(path)).toBe(true)
  })

  test('who reads less than there is ends it quietly', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'export', '-d', directory])
    const closed = once(child, 'close')
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    await closed
    expect(stderr).toBe('')
  })
})

test('each has --help with examples, and fits narrow screens', async () => {
  for (const command of ['series', 'histogram', 'calls', 'count', 'export']) {
    const { code, stdout } = await run([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain(`Examples:\n  kronicler ${command}`)
  }
  for (const columns of [20, 30, 40, 80, 120, 300]) {
    for (const args of [['series'], ['series', '--table'], ['histogram'], ['calls']]) {
      for (const line of await screen(columns, ...args)) {
        expect(displayWidth(line), `${args.join(' ')}: ${line}`).toBeLessThanOrEqual(
          Math.max(columns, 46),
        )
        expect(line).not.toContain('\u001b')
      }
    }
  }
})

test('bars', () => {
  expect(uprightBars([0, 1, 0.5, NaN, 1e-9], 2)).toEqual([' █   ', ' ██·▁'])
  expect(lyingBar(0, 4)).toBe('')
  expect(lyingBar(1e-9, 4)).toBe('▏')
  expect(lyingBar(1, 4)).toBe('████')
  expect(lyingBar(0.5, 3)).toBe('█▌')
})

test('steps', () => {
  expect([0.001, 1, 1000, 90_000, 3600e3, 86_400e3].map(formatStep)).toEqual([
    '1 µs',
    '1 ms',
    '1 s',
    '90 s',
    '1 h',
    '1 d',
  ])
  for (const spanMs of [0.001, 5, 3600e3, 1e12]) {
    const stepMs = stepFor(spanMs, 60)
    expect(spanMs / stepMs).toBeLessThanOrEqual(59)
  }
})
