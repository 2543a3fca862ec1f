/**
 * What a process is told about promises and errors that nobody handles: the same events, exit code and output.
 */
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runFixture, type ChildResult } from './run-fixture.ts'

const EVENTS = [
  'unhandled',
  'handled',
  'late',
  'microtasksLater',
  'derivedOnly',
  'shared',
  'sharedByTwo',
  'nested',
  'unhandledThrow',
]

test.each(EVENTS)('the same events: %s', async (scenario) => {
  const [bare, captured] = await run(scenario)
  expect(eventsOf(bare)).not.toEqual([])
  expect(eventsOf(captured)).toEqual(eventsOf(bare))
  expect(captured.code).toBe(bare.code)
  expect(captured.stderr).toBe(bare.stderr)
})

describe('the same end of a process that nobody saves', () => {
  test.each(['crashByRejection', 'crashByThrow', 'emitterError'])('%s', async (scenario) => {
    const [bare, captured] = await run(scenario)
    expect(bare.code).toBe(1)
    expect(captured.code).toBe(1)
    expect(captured.stdout).toBe(bare.stdout)
    expect(withoutSourceLine(captured.stderr)).toEqual(withoutSourceLine(bare.stderr))
  })

  test.each(['none', 'warn', 'strict', 'warn-with-error-code'])(
    'with --unhandled-rejections=%s',
    async (mode) => {
      const nodeArgs = [`--unhandled-rejections=${mode}`]
      for (const scenario of ['crashByRejection', 'unhandled']) {
        const [bare, captured] = await run(scenario, nodeArgs)
        expect(captured.code).toBe(bare.code)
        expect(captured.stdout).toBe(bare.stdout)
        expect(withoutSourceLine(captured.stderr)).toEqual(withoutSourceLine(bare.stderr))
      }
    },
  )
})

async function run(scenario: string, nodeArgs?: string[]): Promise<[ChildResult, ChildResult]> {
  const results = []
  for (const kind of ['bare', 'captured']) {
    const args = [scenario, kind, temporaryDirectory()]
    results.push(await runFixture('rejections.mjs', args, nodeArgs))
  }
  return results as [ChildResult, ChildResult]
}

function eventsOf({ stdout }: ChildResult): unknown[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}

/**
 * The report of a crash from the error's class on, without the frames of the package, what differs from process to
 * process, Node's own frames, and the property by which the engine names a function (known-differences.ts: stack-frame,
 * crash-report).
 */
function withoutSourceLine(stderr: string): string[] {
  const lines = stderr
    .replaceAll(/\(node:\d+\)/g, '(node)')
    .replaceAll(/rejection id: \d+/g, 'rejection id')
    .replaceAll(/ \[as \w+\]/g, '')
    .split('\n')
  const report = lines.findIndex((line) => /^\w*(Error|Refused)\b/.test(line))
  return lines.slice(Math.max(0, report)).filter((line) => !/\/dist\/|\(node:/.test(line))
}
