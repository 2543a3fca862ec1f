import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { INSTALLED, RUNTIME } from '../support/runtime.ts'

const FIXTURES = INSTALLED ?? fileURLToPath(new URL('.', import.meta.url))

export interface ChildResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/**
 * Runs a program of fixtures/, or one given by its path, until it ends. `onOutput` sees all output so far, each time there is
 * more.
 */
export async function runChild(
  fixture: string,
  args: readonly string[],
  options: {
    env: Record<string, string>
    nodeArgs?: readonly string[]
    fileSizeLimitKiB?: number // no file may grow beyond it: as if the disk were full
    softFileSizeLimitKiB?: number // likewise, but it can be lifted
    directory?: string // in which it runs
    stdin?: 'ignore' | 'pipe'
    user?: number // id of the user whose process it is
    onStart?: (child: ChildProcess) => void
    onOutput?: (stdout: string, child: ChildProcess) => void
  },
): Promise<ChildResult> {
  const file = isAbsolute(fixture) ? fixture : join(FIXTURES, 'fixtures', fixture)
  const command = [...RUNTIME, ...(options.nodeArgs ?? []), file, ...args]
  const limit = options.fileSizeLimitKiB ?? options.softFileSizeLimitKiB
  if (limit !== undefined) {
    const soft = options.softFileSizeLimitKiB === undefined ? '' : '-S'
    // the shell's unit is 512 bytes
    command.unshift('/bin/sh', '-c', `ulimit ${soft} -f ${limit * 2}; exec "$0" "$@"`)
  }
  const child = spawn(command[0]!, command.slice(1), {
    cwd: options.directory,
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
    ...(options.user === undefined ? {} : { uid: options.user, gid: options.user }),
  })
  options.onStart?.(child)
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', (text: Buffer) => {
    stdout += text.toString()
    options.onOutput?.(stdout, child)
  })
  child.stderr!.on('data', (text: Buffer) => {
    stderr += text.toString()
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, stdout, stderr }
}
