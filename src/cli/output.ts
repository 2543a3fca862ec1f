/**
 * @module cli/output
 * Writing more than fits a pipe: whoever reads it sets the pace.
 */
import type { CliStream } from './context.ts'

/** Writes the text, and waits while the stream has more than it wants to hold. */
export async function writeAll(stream: CliStream, text: string): Promise<void> {
  if (stream.write(text) !== false || stream.once === undefined) return
  const { once } = stream
  await new Promise<void>((resolve) => {
    once.call(stream, 'drain', resolve)
  })
}
