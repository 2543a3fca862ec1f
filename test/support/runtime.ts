/**
 * What tests of the built package run it with: this Node.js, and the package as it is here. test/compat tests other
 * runtimes, with the packed package in a project of its own.
 */

/** Command that a program's path is added to. */
export const RUNTIME: readonly [string, ...string[]] = JSON.parse(
  process.env['KRONICLER_TEST_RUNTIME'] ?? JSON.stringify([process.execPath]),
) as [string, ...string[]]

/** 'node', 'bun' or 'deno'. */
export const RUNTIME_NAME = process.env['KRONICLER_TEST_RUNTIME_NAME'] ?? 'node'

/** A folder with the package in its node_modules, and `fixtures` of test/process beside that. */
export const INSTALLED = process.env['KRONICLER_TEST_PROJECT']
