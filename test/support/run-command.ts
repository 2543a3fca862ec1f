/** Runs one command line in this process, and collects what it writes. */
import { runCli } from '../../src/cli/program.ts'

export interface RunOptions {
  tty?: boolean | undefined
  columns?: number | undefined
  env?: Record<string, string> | undefined
  signal?: AbortSignal | undefined
}

export async function runCommand(args: string[], options: RunOptions = {}) {
  const { columns = 80, env = {}, signal = new AbortController().signal, tty = false } = options
  const output = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      output[name] += text
      return true
    },
    isTTY: tty,
    columns,
  })
  const code = await runCli(args, {
    env,
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    signal,
  })
  return { code, ...output }
}
