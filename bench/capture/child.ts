/**
 * @module bench/capture/child
 * One process of the capture suite: measures a group of contenders and sends what it found to its parent.
 */
import { tmpdir } from 'node:os'
import { progress } from '../harness/report.ts'
import type { BenchRow, Measurements } from '../harness/result.ts'
import { inFolder } from '../harness/suite.ts'
import { bare, limit, noop, type Contender } from './contenders/contender.ts'
import { hdrHistogram } from './contenders/hdr-histogram.ts'
import { kronicler, kroniclerWithOptions } from './contenders/kronicler.ts'
import { promClient, promClientTimer } from './contenders/prom-client.ts'
import { timerify } from './contenders/timerify.ts'
import { tracingChannel } from './contenders/tracing-channel.ts'
import { measureFreshQueue } from './fresh-queue.ts'
import type { ChildOptions, Group, PeerGroup } from './groups.ts'
import { MAX_HEAP_CALLS, measureHeap } from './heap.ts'
import { measureInFlight } from './in-flight.ts'
import { measurePaced } from './paced.ts'
import { measureRounds } from './rounds.ts'
import { measureStartup } from './startup.ts'
import { CALL_KINDS, GENERATOR_KINDS } from './subjects.ts'
import { measureSustained } from './sustained.ts'
import { measureUnpaced } from './unpaced.ts'

/** Those that leave the functions without them as fast as they are. */
const OPTIONS = ['attributes', 'sample', 'slower-than', 'off'] as const

/** Rows of the queue while memory is measured: being refused takes other code. */
const HEAP_QUEUE = 2 ** Math.ceil(Math.log2(2 * MAX_HEAP_CALLS))

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions

await inFolder(options.folder || tmpdir(), async (folder) => {
  process.send!(await measure(options.group, folder))
})
process.disconnect()

async function measure(group: Group, folder: string): Promise<Measurements> {
  switch (group) {
    case 'main':
      return everybody(await kronicler(folder))
    case 'heap':
      return heap([
        limit,
        await kronicler(folder, { queueCapacity: HEAP_QUEUE }),
        ...(await lightPeers()),
      ])
    case 'options':
      return compare([bare, limit, ...(await kroniclerWithOptions(folder, OPTIONS))])
    case 'options-heap':
      return heap(await kroniclerWithOptions(folder, OPTIONS, { queueCapacity: HEAP_QUEUE }))
    case 'parent':
      return withParent(folder)
    case 'parent-heap':
      return heap(await kroniclerWithOptions(folder, ['parent'], { queueCapacity: HEAP_QUEUE }))
    case 'generators':
      return compare([bare, limit, await kronicler(folder)], GENERATOR_KINDS)
    case 'sustained':
      return measureSustained(await kronicler(folder), folder)
    case 'paced':
      return measurePaced(await kronicler(folder), folder)
    case 'unpaced':
      return measureUnpaced(folder, 'drop')
    case 'unpaced-block':
      return measureUnpaced(folder, 'block')
    case 'in-flight':
      return measureInFlight(folder)
    case 'fresh-queue':
      return measureFreshQueue(folder)
    case 'startup':
      return measureStartup(folder, options.skip)
    default:
      return measurePeer(group)
  }
}

/** In one process, and what Kronicler itself says of its cost. */
async function everybody(own: Contender): Promise<Measurements> {
  const { rows } = await compare([bare, limit, noop, own, ...(await lightPeers())])
  const { health } = await import('kronicler')
  return {
    rows: [...rows, { name: 'kronicler/record', value: health().recordNs, unit: 'ns', n: 1 }],
  }
}

/** `parent` follows calls across await, and with that every await of the process costs more: this has a row, too. */
async function withParent(folder: string): Promise<Measurements> {
  const contenders = await kroniclerWithOptions(folder, ['parent'])
  const { rows } = await compare([bare, limit, ...contenders])
  const bareAsync = rows.filter(({ name }) => /^limit\/bare-async/.test(name))
  const renamed = bareAsync.map((row) => ({
    ...row,
    name: row.name.replace('limit', 'kronicler-parent'),
  }))
  return { rows: [...rows, ...renamed] }
}

/** A tool that slows down the whole process, or is not there. */
async function measurePeer(group: PeerGroup): Promise<Measurements> {
  let peer: Contender
  try {
    peer = await loadPeer(group)
  } catch (error) {
    const [line] = String(error).split('\n')
    return { rows: [], notMeasured: { [group]: line! } }
  }
  return options.heap ? heap([peer]) : compare([bare, limit, peer])
}

async function loadPeer(group: PeerGroup): Promise<Contender> {
  switch (group) {
    case 'otel-span':
      return (await import('./contenders/opentelemetry.ts')).otelSpan()
    case 'otel-active-span':
      return (await import('./contenders/opentelemetry.ts')).otelActiveSpan()
    case 'otel-histogram':
      return (await import('./contenders/opentelemetry.ts')).otelHistogram()
    case 'autometrics':
      return (await import('./contenders/autometrics.ts')).autometrics()
    case 'sentry-span':
      return (await import('./contenders/sentry.ts')).sentrySpan()
    case 'sentry-root-span':
      return (await import('./contenders/sentry.ts')).sentryRootSpan()
    case 'dd-trace':
      return (await import('./contenders/dd-trace.ts')).ddTrace(options.agentUrl)
  }
}

async function lightPeers(): Promise<Contender[]> {
  return [
    await hdrHistogram(),
    tracingChannel(),
    timerify,
    await promClient(),
    await promClientTimer(),
  ]
}

async function compare(all: Contender[], kinds = CALL_KINDS): Promise<Measurements> {
  const contenders = all.filter(wanted)
  const rows: BenchRow[] = []
  for (const kind of kinds) {
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
  return { rows }
}

async function heap(all: Contender[]): Promise<Measurements> {
  const rows: BenchRow[] = []
  for (const contender of all.filter(wanted)) {
    progress(`heap: ${contender.who}`)
    rows.push(await measureHeap(contender))
  }
  for (const contender of all) await contender.close?.()
  return { rows }
}

function wanted({ who }: Contender): boolean {
  return !options.skip.includes(who)
}
