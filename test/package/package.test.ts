import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'

/** The package as a user has it: the packed tarball in the node_modules of a project of its own. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string
  exports: Record<string, unknown>
  dependencies: Record<string, string>
}
const project = mkdtempSync(join(tmpdir(), 'kronicler-package-'))
const installed = join(project, 'node_modules', 'kronicler')

beforeAll(() => {
  const npmPack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', project]
  const tarball = execFileSync('npm', npmPack, { cwd: ROOT, encoding: 'utf8' }).trim()
  mkdirSync(installed, { recursive: true })
  const unpack = ['-xzf', join(project, tarball), '--strip-components=1', '-C', installed]
  execFileSync('tar', unpack)
  for (const dependency of Object.keys(manifest.dependencies)) {
    symlinkSync(
      join(ROOT, 'node_modules', dependency),
      join(project, 'node_modules', dependency),
      'dir',
    )
  }
})

afterAll(() => {
  rmSync(project, { recursive: true, force: true })
})

function runProgram(name: string, source: string): string {
  const file = join(project, name)
  writeFileSync(file, source)
  return execFileSync(RUNTIME[0], [...RUNTIME.slice(1), file], {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', KRONICLER_DIR: join(project, `calls-${name}`) },
  })
}

const PROGRAM = `
const double = capture('double', (n) => 2 * n)
for (let i = 0; i < 1000; i++) double(i)
flush().then(async (stored) => {
  const database = await openDatabase(process.env.KRONICLER_DIR)
  const [{ function: name, calls }] = await database.functions()
  await database.close()
  await close()
  console.log(JSON.stringify({ stored, name, calls, metrics: getMetrics('double').calls }))
})
`
const EXPECTED = { stored: true, name: 'double', calls: 1000, metrics: 1000 }

describe('a program that uses the packed package', () => {
  test('as ES modules', () => {
    const source = `import { capture, close, flush, getMetrics } from 'kronicler'
      import { openDatabase } from 'kronicler/database'
      ${PROGRAM}`
    expect(JSON.parse(runProgram('program.mjs', source))).toEqual(EXPECTED)
  })

  test('as CommonJS', () => {
    const source = `const { capture, close, flush, getMetrics } = require('kronicler')
      const { openDatabase } = require('kronicler/database')
      ${PROGRAM}`
    expect(JSON.parse(runProgram('program.cjs', source))).toEqual(EXPECTED)
  })

  test('as both at once: there is one instance', () => {
    const source = `import { createRequire } from 'node:module'
      import * as esm from 'kronicler'
      const cjs = createRequire(import.meta.url)('kronicler')
      const call = cjs.capture('shared', () => 1)
      call()
      console.log(esm.capture === cjs.capture, esm.getMetrics('shared').calls)`
    expect(runProgram('both.mjs', source)).toBe('true 1\n')
  })

  test('every public path can be imported and required', () => {
    const paths = Object.keys(manifest.exports).map((path) => path.replace('.', 'kronicler'))
    const source = `const paths = ${JSON.stringify(paths)}
      for (const path of paths) require(path)
      Promise.all(paths.filter((path) => !path.endsWith('.json')).map((path) => import(path)))
        .then((all) => console.log(all.length))`
    expect(runProgram('paths.cjs', source)).toBe(`${paths.length - 1}\n`)
  })

  test('importing makes no folder, no thread and no timer', () => {
    const source = `import { existsSync } from 'node:fs'
      // modules are read by requests of their own
      const resources = () => process.getActiveResourcesInfo().filter((name) => !/Req/.test(name))
      const used = () => [resources().length, process.listenerCount('exit')]
      const before = used()
      await import('kronicler')
      const after = used()
      process.on('exit', () => {
        console.log(JSON.stringify({ before, after, made: existsSync(process.env.KRONICLER_DIR) }))
      })`
    const { before, after, made } = JSON.parse(runProgram('import.mjs', source)) as {
      before: number[]
      after: number[]
      made: boolean
    }
    expect(after).toEqual(before)
    expect(made).toBe(false)
  })

  test('the command line program runs', () => {
    const cli = join(installed, 'dist', 'cli.js')
    const run = (...args: string[]) =>
      execFileSync(RUNTIME[0], [...RUNTIME.slice(1), cli, ...args], {
        cwd: project,
        encoding: 'utf8',
      })
    expect(run('--version').trim()).toBe(manifest.version)
    const functions = JSON.parse(
      run('functions', '--json', '--dir', join(project, 'calls-program.mjs')),
    ) as { function: string }[]
    expect(functions.map((one) => one.function)).toEqual(['double'])
  })

  test('holds what a user needs, and no sources', () => {
    const files = execFileSync('find', ['.', '-type', 'f'], { cwd: installed, encoding: 'utf8' })
    for (const needed of ['README.md', 'LICENSE', 'CHANGELOG.md', 'dist/writer-thread.cjs']) {
      expect(files).toContain(`./${needed}\n`)
    }
    expect(files).not.toMatch(/\.test\.|\/src\/|\/bench\/|\/test\//)
  })
})
