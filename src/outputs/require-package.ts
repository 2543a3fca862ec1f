/**
 * @module outputs/require-package
 * Finds a driver that the program has installed: from where this package is, then from where the program was started.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * What the package can be loaded with.
 *
 * @throws MODULE_NOT_FOUND: it is not installed
 */
export function requirePackage(name: string): NodeJS.Require {
  const own = createRequire(import.meta.url)
  const programs = createRequire(join(process.cwd(), 'program.js'))
  try {
    own.resolve(name)
    return own
  } catch {
    programs.resolve(name)
    return programs
  }
}
