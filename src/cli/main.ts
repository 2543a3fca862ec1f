#!/usr/bin/env node
/**
 * @module cli/main
 * The program `kronicler`.
 */
import { runCli } from './program.ts'

const interrupted = new AbortController()
// the second one ends the process the usual way, should the first not do
process.once('SIGINT', () => interrupted.abort())

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // whoever read our output has seen enough: `kronicler … | head`
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupted.signal,
})
