/**
 * @module bench/merge
 * How fast are segments merged in the background of a program that writes them, and for how long does that hold up the
 * thread that also has to empty the queue?
 *
 * All logs are sealed first; then the segments are merged as a writer merges its own, by the watched clock of one thread.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isWriterFolder } from '../src/database/format/directory.ts'
import { FolderKeeper, type CompactOptions } from '../src/database/maintain/folder-keeper.ts'
import { Pace } from '../src/database/pace.ts'
import { dataSet } from './datasets.ts'
import { progress, shortCount } from './harness/report.ts'
import type { BenchRow } from './harness/result.ts'
import { percentiles } from './harness/statistics.ts'
import { inFolder, type Suite, type SuiteOptions } from './harness/suite.ts'
import { LongestSteps } from './merge/longest-steps.ts'
import { kroniclerStore } from './stores/kronicler.ts'

const DEFAULT_ROWS = [10e6]
const DEFAULT_SETS = ['A', 'B20k', 'C']

export const mergeSuite: Suite = {
  peers: [],
  async run(options) {
    const rows: BenchRow[] = []
    for (const name of options.sets ?? DEFAULT_SETS) {
      for (const count of options.rows ?? DEFAULT_ROWS) {
        rows.push(...(await inFolder(options.folder, (folder) => measure(folder, name, count))))
      }
    }
    return { rows }
  },
}

async function measure(
  folder: SuiteOptions['folder'],
  name: string,
  count: number,
): Promise<BenchRow[]> {
  const what = `${name}-${shortCount(count)}`
  const set = dataSet(name)
  progress(`${what}: loading`)
  const writer = await kroniclerStore.create(folder, set)
  for (const batch of set.batches(count)) await writer.append(batch)
  await writer.finish()

  let rows = 0
  const steps = new LongestSteps()
  const options: CompactOptions = {
    all: false,
    minAgeMs: 0,
    newest: 0,
    onRows: (written) => {
      rows += written
    },
  }
  const pace = new Pace({ onTurn: steps.onTurn })
  const start = performance.now()
  for (const writerFolder of readdirSync(folder).filter(isWriterFolder)) {
    const keeper = new FolderKeeper(join(folder, writerFolder), {
      files: steps.files,
      isOwner: true,
    })
    const fail = (fault: Error): void => {
      throw fault
    }
    while (await keeper.compact(options, pace, fail));
  }
  const seconds = (performance.now() - start) / 1000
  steps.stop()
  progress(`${what}: ${(rows / seconds / 1e6).toFixed(2)} M rows/s, the longest steps:`)
  for (const { end, files, ms } of steps.longest) {
    progress(`  ${ms.toFixed(1)} ms until ${end}${files === '' ? '' : ` (${files})`}`)
  }
  const longestMs = steps.longest[0]!.ms
  const { samplesMs } = steps
  return [
    { name: `kronicler/merge-${what}`, value: rows / seconds, unit: 'rows/s', n: rows },
    {
      name: `kronicler/longest-step-${what}`,
      value: longestMs,
      unit: 'ms',
      n: samplesMs.length,
      ...percentiles(samplesMs),
    },
  ]
}
