import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { runCli } from '../../../src/cli/program.ts'
import { displayWidth } from '../../../src/cli/text.ts'
import { encodeControl } from '../../../src/control/control-file.ts'
import type { ControlRule } from '../../../src/control/rule.ts'
import { DatabaseWriter } from '../../../src/database.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const HOSTILE = '\u001b[2J\u001b[31mrm -rf\u001b[0m\n'

let directory: string
let file: string

beforeEach(async () => {
  directory = temporaryDirectory()
  file = join(directory, 'control.json')
  const writer = DatabaseWriter.open(directory)
  for (const name of ['orders.place', 'orders.cancel', 'users.find', HOSTILE]) {
    writer.insert({ function: name, startMs: 1e12, durationNs: 1000 })
  }
  await writer.close()
})

async function run(args: string[], { tty = false, columns = 80, env = {} } = {}) {
  const output = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => (output[name] += text),
    isTTY: tty,
    columns,
  })
  const code = await runCli(['control', ...args], {
    env: { KRONICLER_DIR: directory, ...env },
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    signal: new AbortController().signal,
  })
  return { code, ...output }
}

const rules = () => (JSON.parse(readFileSync(file, 'utf8')) as { rules: ControlRule[] }).rules

describe('control set', () => {
  test.each([
    [['--off'], { enabled: false }, 'off'],
    [['--on'], { enabled: true }, 'on'],
    [['--slower-than', '5ms'], { slowerThan: '5ms' }, 'slower than 5.00 ms'],
    [['--slower-than', '0'], { slowerThan: '0' }, 'however short'],
    [['--sample', '0.01'], { sample: 0.01 }, 'one in 100'],
    [['--sample', '1'], { sample: 1 }, 'every call'],
    [
      ['--on', '--slower-than', '250us', '--sample', '.5'],
      { enabled: true, slowerThan: '250us', sample: 0.5 },
      'on, slower than 250 µs, one in 2',
    ],
  ])('%j', async (options, settings, text) => {
    expect(await run(['set', 'orders.*', ...options])).toEqual({
      code: 0,
      stdout: `orders.*  ${text}\n  orders.cancel, orders.place\n`,
      stderr: '',
    })
    expect(rules()).toEqual([{ function: 'orders.*', ...settings }])
    expect(readdirSync(directory).filter((name) => name.includes('tmp'))).toEqual([])
  })

  test('what is not given stays, and the latest rule comes last', async () => {
    await run(['set', 'orders.*', '--off', '--sample', '0.5'])
    await run(['set', '*', '--slower-than', '1ms'])
    await run(['set', 'orders.*', '--on'])
    expect(rules()).toEqual([
      { function: 'orders.*', sample: 0.5 },
      { function: '*', slowerThan: '1ms' },
      { function: 'orders.*', enabled: true },
    ])
  })

  test('no function matches: a warning with the nearest names, and the rule waits', async () => {
    const { code, stderr, stdout } = await run(['set', 'order.place', '--off'])
    expect(code).toBe(0)
    expect(stdout).toBe('order.place  off\n  no function that is known\n')
    expect(stderr).toMatch(/^warning: no function that is known matches order\.place; /)
    expect(stderr).toContain('Did you mean\n  orders.place')
    expect(rules()).toHaveLength(1)
  })

  test.each([
    [['set'], "missing required argument 'pattern'"],
    [['set', 'x'], 'at least one of --off, --on, --slower-than and --sample'],
    [['set', 'x', '--on', '--off'], "option '--off' cannot be used with option '--on'"],
    [['set', 'x', '--slower-than', '5'], "It needs a unit, such as '250us'"],
    [['set', 'x', '--slower-than', 'soon'], 'It must be a duration'],
    [['set', 'x', '--sample', '0'], 'It must be a number above 0 and at most 1'],
    [['set', 'x', '--sample', '10%'], 'It must be a number above 0 and at most 1'],
    [['set', 'x', '--sample', '0x1'], 'It must be a number above 0 and at most 1'],
    [['set', '', '--off'], 'the pattern must have 1 to 1000 characters'],
    [['set', 'x'.repeat(1001), '--off'], 'the pattern must have 1 to 1000 characters'],
    [['sett', 'x'], 'too many arguments'],
    [['set', 'a', 'b', '--off'], 'too many arguments'],
  ])('%j is not understood: exit code 2, and nothing is written', async (args, message) => {
    const { code, stderr, stdout } = await run(args)
    expect(stderr).toContain(message)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(existsSync(file)).toBe(false)
  })

  test('a directory that is none: exit code 1, and nothing is made', async () => {
    for (const missing of ['/nonexistent', temporaryDirectory()]) {
      const { code, stderr } = await run(['set', 'x', '--off', '--dir', missing])
      expect(code).toBe(1)
      expect(stderr).toContain('--dir PATH')
      expect(existsSync(join(missing, 'control.json'))).toBe(false)
    }
  })
})

describe('control', () => {
  test('lists the rules, and the functions that each is about', async () => {
    writeFileSync(
      file,
      encodeControl([
        { function: 'orders.*', enabled: false },
        { function: 'users.find', slowerThan: null, sample: null },
        { function: 'nobody', slowerThan: 0.25, sample: 0.3 },
      ]),
    )
    expect(await run([])).toEqual({
      code: 0,
      stdout: `orders.*  off
  orders.cancel, orders.place
users.find  however short, every call
  users.find
nobody  slower than 250 µs, one in 3
  no function that is known
`,
      stderr: '',
    })
  })

  test('--json has the rules as they are in the file', async () => {
    const set = await run(['set', 'orders.*', '--off', '--json'])
    const expected = {
      file,
      rules: [{ function: 'orders.*', enabled: false, matches: ['orders.cancel', 'orders.place'] }],
    }
    expect(JSON.parse(set.stdout)).toEqual(expected)
    expect(JSON.parse((await run(['--json'])).stdout)).toEqual(expected)
    const reset = await run(['reset', '--json'])
    expect(JSON.parse(reset.stdout)).toEqual({ file, rules: [] })
  })

  test('without rules says so', async () => {
    expect((await run([])).stdout).toBe(
      `No rules are set in ${directory}: programs record all that they capture.\n`,
    )
  })

  test('many functions are cut short', async () => {
    const writer = DatabaseWriter.open(directory)
    for (let i = 0; i < 1500; i++) {
      writer.insert({ function: `many.${i}`, startMs: 1e12, durationNs: 1 })
    }
    await writer.close()
    const { stdout } = await run(['set', 'many.*', '--off'])
    expect(stdout).toMatch(/^many\.\* {2}off\n {2}(many\.\d+, ){9}many\.\d+ and 1,490 more\n$/)
  })

  test.each([40, 60, 80, 120])('fits a terminal of %d columns', async (columns) => {
    await run(['set', `orders.${'*'.repeat(200)}`, '--off', '--slower-than', '5ms'])
    await run(['set', '*', '--sample', '0.1'])
    const { stdout } = await run([], { tty: true, columns, env: { NO_COLOR: '1' } })
    expect(stdout.split('\n')).toHaveLength(5)
    for (const line of stdout.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(columns)
  })

  test('hostile names and patterns never reach the terminal as they are', async () => {
    const set = await run(['set', `${HOSTILE.slice(0, 5)}*`, '--off'])
    const unknown = await run(['set', `${HOSTILE}x`, '--off'])
    const none = await run(['reset', `${HOSTILE}y`])
    for (const { stderr, stdout } of [set, unknown, none, await run([])]) {
      expect(stdout + stderr).not.toContain('\u001b')
      expect(stdout + stderr).toContain('·[2J·')
    }
  })
})

describe('control reset', () => {
  beforeEach(async () => {
    await run(['set', 'orders.*', '--off'])
    await run(['set', '*', '--sample', '0.5'])
    await run(['set', 'orders.*', '--sample', '1'])
  })

  test('takes back what was set for the very pattern', async () => {
    expect(await run(['reset', 'orders.*'])).toEqual({
      code: 0,
      stdout: 'What was set for orders.* is taken back.\n',
      stderr: '',
    })
    expect(rules()).toEqual([{ function: '*', sample: 0.5 }])
  })

  test('without a pattern takes back everything', async () => {
    expect((await run(['reset'])).stdout).toBe('All rules are taken back.\n')
    expect(rules()).toEqual([])
  })

  test('a pattern without a rule: exit code 1, and the patterns that have one', async () => {
    const { code, stderr, stdout } = await run(['reset', 'orders.place'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('no rule is set for orders.place')
    expect(stderr).toContain('There are rules for\n  orders.*\n  *\n')
    expect(rules()).toHaveLength(3)
  })
})

describe('a broken control file', () => {
  beforeEach(() => {
    writeFileSync(file, '{ "version": 1, "rules": [{ "function": "x" }] }')
  })

  test.each([[[]], [['set', 'x', '--off']], [['reset', 'x']]])(
    '%j: exit code 1, says what is wrong, and leaves it',
    async (args) => {
      const { code, stderr, stdout } = await run(args)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain(`${file}: rules[0]: `)
      expect(stderr).toContain('kronicler control reset')
      expect(readFileSync(file, 'utf8')).toContain('"x"')
    },
  )

  test('reset begins anew', async () => {
    expect((await run(['reset'])).code).toBe(0)
    expect(rules()).toEqual([])
  })

  test('a folder in its place: exit code 1', async () => {
    const other = temporaryDirectory()
    await DatabaseWriter.open(other).close()
    mkdirSync(join(other, 'control.json'))
    for (const args of [[], ['set', 'x', '--off'], ['reset']]) {
      expect((await run([...args, '--dir', other])).code).toBe(1)
    }
  })
})

test('help', async () => {
  for (const args of [['-h'], ['set', '-h'], ['reset', '--help']]) {
    const { code, stdout } = await run(args)
    expect(code).toBe(0)
    expect(stdout).toContain('Examples:\n  kronicler control')
    expect(stdout).toContain('--dir <path>')
    expect(stdout).toContain('print help')
  }
})
