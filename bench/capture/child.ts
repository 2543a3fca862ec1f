/**
 * @module bench/capture/child
 * One process of the capture suite: measures a group of contenders and sends the rows to its parent.
 */
import { tmpdir } from 'node:os'
import { progress } from '../harness/report.ts'
import type { BenchRow } from '../harness/result.ts'
import { inFolder } from '../harness/suite.ts'
import {
  bare,
  hdrHistogram,
  kronicler,
  limit,
  noop,
  otelHistogram,
  otelSpan,
  promClient,
  promClientTimer,
  timerify,
  type Contender,
} from './contenders.ts'
import { HEAP_CALLS, measureHeap } from './heap.ts'
import { measureRounds } from './rounds.ts'
import { KINDS } from './subjects.ts'
import { measureSustained } from './sustained.ts'

export type Group = 'main' | 'otel-span' | 'otel-histogram' | 'heap' | 'sustained'

export interface ChildOptions {
  group: Group
  rounds: number
  skip: string[]
  folder: string
}

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions
await inFolder(options.folder || tmpdir(), async (folder) => {
  process.send!(await measure(folder))
})
process.disconnect()

async function measure(folder: string): Promise<BenchRow[]> {
  switch (options.group) {
    case 'main':
      return compare([bare, limit, noop, await kronicler(folder), ...(await lightPeers())])
    case 'otel-span':
      return compare([bare, limit, await otelSpan()])
    case 'otel-histogram':
      return compare([bare, limit, await otelHistogram()])
    case 'heap': {
      const own = await kronicler(folder, 2 ** Math.ceil(Math.log2(2 * HEAP_CALLS)))
      const rows: BenchRow[] = []
      for (const contender of [limit, own, ...(await lightPeers())].filter(wanted)) {
        rows.push(await measureHeap(contender))
      }
      await own.close?.()
      return rows
    }
    case 'sustained': {
      const own = await kronicler(folder)
      const row = await measureSustained(own)
      await own.close?.()
      return [row]
    }
  }
}

async function lightPeers(): Promise<Contender[]> {
  return [await hdrHistogram(), timerify, await promClient(), await promClientTimer()]
}

async function compare(all: Contender[]): Promise<BenchRow[]> {
  const contenders = all.filter(wanted)
  const rows: BenchRow[] = []
  for (const kind of KINDS) {
    progress(`${kind}: ${contenders.map(({ who }) => who).join(', ')}`)
    rows.push(...(await measureRounds(kind, contenders, options.rounds)))
  }
  for (const contender of contenders) {
    const refused = contender.refused?.()
    if (refused !== undefined) {
      const name = `${contender.who}/dropped`
      rows.push({ name, value: refused.dropped, unit: 'rows', n: refused.offered })
    }
    await contender.close?.()
  }
  return rows
}

function wanted({ who }: Contender): boolean {
  return !options.skip.includes(who)
}
