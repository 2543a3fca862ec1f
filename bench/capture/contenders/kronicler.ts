/**
 * @module bench/capture/contenders/kronicler
 * Ourselves: every call becomes a row, and the background thread writes while functions are called.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CaptureOptions, Options } from 'kronicler'
import type { Contender } from './contender.ts'

const QUEUE_CAPACITY = 262_144 // the default

export type OwnContender = Contender &
  Required<Pick<Contender, 'wrap' | 'pace' | 'refused' | 'close'>>

/** @param directory where the rows go */
export async function kronicler(directory: string, options: Options = {}): Promise<OwnContender> {
  const { capture, close, configure, health } = await import('kronicler')
  const { queueCapacity = QUEUE_CAPACITY } = options
  configure({ ...options, directory, queueCapacity })
  return {
    who: 'kronicler',
    wrap: (subject, name) => capture(name, subject),
    pace: async (calls) => {
      while (health().queued + calls > queueCapacity) await sleep(1)
    },
    refused: () => {
      const { dropped, queued, stored } = health()
      return { dropped, offered: stored + queued + dropped }
    },
    close,
  }
}

export type Variant = 'attributes' | 'parent' | 'sample' | 'slower-than' | 'off'

/**
 * Ourselves with some of the options that cost or save something, in one process and through one queue; the first has
 * none of them.
 */
export async function kroniclerWithOptions(
  directory: string,
  variants: readonly Variant[],
  options: Options = {},
): Promise<Contender[]> {
  const plain = await kronicler(directory, options)
  const { capture, control, health } = await import('kronicler')
  const variant = (who: Variant, captureOptions: CaptureOptions): Contender => ({
    who: `kronicler-${who}`,
    wrap: (subject, name) => capture(subject, { ...captureOptions, name: `${who}.${name}` }),
    pace: plain.pace,
  })
  const all: Record<Variant, Contender> = {
    attributes: {
      ...variant('attributes', { attributes: ([i]) => ({ item: i }) }),
      maxCalls: 16_384, // so many have room in the queue of attributes, if it is empty
      pace: async () => {
        while (health().queued > 0) await sleep(1)
      },
      refused: () => ({ dropped: health().attributesDropped, offered: health().stored }),
    },
    parent: variant('parent', { parent: true }),
    sample: variant('sample', { sample: 0.01 }),
    'slower-than': variant('slower-than', { slowerThan: '1ms' }),
    off: variant('off', {}),
  }
  control('off.*', { enabled: false })
  return [plain, ...variants.map((who) => all[who])]
}
