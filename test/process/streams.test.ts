import { openDatabase } from 'kronicler/database'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { runChild } from './run-child.ts'

/** What the program has printed, without the lines of the stack, in which Kronicler may stand. */
const withoutStack = (text: string): string => text.replace(/^ {4}at .*\n/gm, '')

test.each(['capture', 'captureStream'])(
  'the error of a stream that nobody listens to ends the program, captured with %s or not',
  async (how) => {
    const directory = temporaryDirectory()
    const env = { KRONICLER_DIR: directory }
    const bare = await runChild('streams.mjs', ['bare'], { env: { KRONICLER_ENABLED: 'false' } })
    const captured = await runChild('streams.mjs', [how], { env })
    expect(bare).toMatchObject({ code: 1, stdout: 'exit 1\n' })
    expect(bare.stderr).toMatch(/Unhandled 'error' event[^]*RangeError: nobody listens/)
    expect({ ...captured, stderr: withoutStack(captured.stderr) }).toEqual({
      ...bare,
      stderr: withoutStack(bare.stderr),
    })
    const database = await openDatabase(directory)
    const calls = await database.tail()
    await database.close()
    expect(calls).toMatchObject([{ function: 'open', error: 'RangeError' }])
  },
)
