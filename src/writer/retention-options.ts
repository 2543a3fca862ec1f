/**
 * @module writer/retention-options
 * How long rows are kept, as the program or the environment has it. Read by the background thread, so that programs that
 * do not ask for it need not load it.
 */
import type { Retention } from '../database/maintain/retention.ts'

const AGE_MS: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const SIZE_BYTES: Record<string, number> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/**
 * @param configured wins over KRONICLER_RETENTION_AGE and KRONICLER_RETENTION_SIZE
 * @throws {RangeError} a variable cannot be understood; nothing is removed then
 */
export function retentionOf(
  configured: Retention | undefined,
  environment: NodeJS.ProcessEnv,
): Retention {
  return {
    maxAgeMs:
      configured?.maxAgeMs ??
      read(environment, 'KRONICLER_RETENTION_AGE', AGE_MS, "'30d' or '12h'"),
    maxSizeBytes:
      configured?.maxSizeBytes ??
      read(environment, 'KRONICLER_RETENTION_SIZE', SIZE_BYTES, "'10GB' or '500MB'"),
  }
}

function read(
  environment: NodeJS.ProcessEnv,
  name: string,
  units: Record<string, number>,
  examples: string,
): number | undefined {
  const text = environment[name]?.trim()
  if (text === undefined || text === '') return undefined
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]{1,3})$/i.exec(text)
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()]
  const value = match === null || unit === undefined ? NaN : Math.round(Number(match[1]) * unit)
  if (!(value > 0) || !Number.isSafeInteger(value)) {
    throw new RangeError(`${name} must be such as ${examples}, not ${JSON.stringify(text)}`)
  }
  return value
}
