/**
 * @module bench/capture/contenders/kronicler
 * Ourselves: every call becomes a row, and the background thread writes while functions are called.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Options } from 'kronicler'
import type { Contender } from './contender.ts'

const QUEUE_CAPACITY = 65_536 // the default

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
