import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test.each(['package-lock.json', 'test/compat/package-lock.json'])(
  '%s names no registry, so it installs from any',
  (name) => {
    const path = fileURLToPath(new URL(`../../${name}`, import.meta.url))
    const { packages } = JSON.parse(readFileSync(path, 'utf8')) as {
      packages: Record<string, { resolved?: string; integrity?: string }>
    }
    const installed = Object.entries(packages).filter(([path]) => path !== '')
    expect(installed.length).toBeGreaterThan(100)
    expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  },
)
