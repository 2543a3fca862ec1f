import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface ChildResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs a program of fixtures/ with plain node: no test runner, no source maps. */
export async function runFixture(
  fixture: string,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): Promise<ChildResult> {
  const file = fileURLToPath(new URL(`./fixtures/${fixture}`, import.meta.url))
  const env = { ...process.env, NODE_OPTIONS: '' }
  return new Promise((resolve) => {
    execFile(process.execPath, [...nodeArgs, file, ...args], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}
