import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'
import { storedCalls, storedNumbers } from './stored.ts'

const INVOCATIONS = 4
const CALLS = 300

/** The process is stopped, as serverless platforms freeze it, whenever it has answered, and goes on with the next event. */
test.each(['promise', 'value'])(
  'a handler that returns a %s: what an invocation recorded is stored when it is over',
  async (way) => {
    const directory = join(temporaryDirectory(), 'calls')
    const whileFrozen: { stored: number; numbers: number }[] = []
    let answered = 0
    let freezing: Promise<void> = Promise.resolve()
    const result = await runChild('serverless.mjs', [way], {
      env: { KRONICLER_DIR: directory },
      stdin: 'pipe',
      onStart: (child) => child.stdin!.write(`${CALLS}\n`),
      onOutput: (stdout, child) => {
        const answers = stdout.split('\n').length - 1
        if (answers === answered) return
        answered = answers
        child.kill('SIGSTOP')
        const look = async (): Promise<void> => {
          const { stored } = await storedCalls(directory)
          whileFrozen.push({ stored, numbers: (await storedNumbers(directory)).length })
          child.kill('SIGCONT')
          if (answers < INVOCATIONS) child.stdin!.write(`${CALLS}\n`)
          else child.stdin!.end()
        }
        freezing = freezing.then(look).catch((error: unknown) => {
          child.kill('SIGKILL')
          throw error
        })
      },
    })
    await freezing
    expect(result).toMatchObject({ code: 0, stderr: '' })
    // with each invocation's own call
    const expected = Array.from({ length: INVOCATIONS }, (_, index) => ({
      stored: (index + 1) * (CALLS + 1),
      numbers: (index + 1) * CALLS,
    }))
    expect(whileFrozen).toEqual(expected)
    expect(await storedCalls(directory)).toMatchObject({ stored: expected.at(-1)!.stored })
  },
)
