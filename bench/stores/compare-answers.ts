/**
 * @module bench/stores/compare-answers
 * Before anything is measured, all databases must give the same answers.
 */
import type { DataSet } from '../datasets.ts'
import { createRandom } from '../harness/random.ts'
import { progress } from '../harness/report.ts'
import { randomRange } from './random-range.ts'
import type { StoreReader, Summary } from './store.ts'

const SEED = 5
const BUCKETS = 50

/** @throws {Error} two databases answer differently: then there is nothing to compare */
export async function compareAnswers(
  contenders: readonly { who: string; reader: StoreReader }[],
  set: DataSet,
): Promise<void> {
  progress('comparing the answers')
  const expected = new Map<string, string>()
  for (const { who, reader } of contenders) {
    for (const [question, answer] of await answersOf(reader, set)) {
      const text = JSON.stringify(answer)
      const other = expected.get(question) ?? text
      expected.set(question, other)
      if (text !== other) throw new Error(`${who} answers ${question} with ${text}, not ${other}`)
    }
  }
}

/** Answers by question; those that a database is not asked are left out. */
async function answersOf(reader: StoreReader, set: DataSet): Promise<[string, unknown][]> {
  const random = createRandom(SEED)
  const answers: [string, unknown][] = []
  for (let i = 0; i < 3; i++) {
    const range = randomRange(random)
    const id = random.below(set.models.length)
    answers.push([`count ${i}`, await reader.count(range)])
    answers.push([`one-function ${i}`, comparable(await reader.oneFunction(id, range))])
    // equal parts of whole µs, so that all cut the range at the same instants
    const parts = {
      ...range,
      toUs: range.fromUs + BUCKETS * Math.floor((range.toUs - range.fromUs) / BUCKETS),
    }
    answers.push([`series ${i}`, await reader.series?.(id, parts, BUCKETS)])
    answers.push([`heatmap ${i}`, await reader.heatmap?.(id, parts, BUCKETS)])
  }
  const functions = await reader.allFunctions(randomRange(random))
  functions.sort((a, b) => a.functionId - b.functionId)
  answers.push(['all-functions', functions.map((row) => [row.functionId, comparable(row)])])
  answers.push(['top', await reader.top(100)], ['tail', await reader.tail(100)])
  answers.push(['scan', await reader.longerThan?.(3_000_000)])
  answers.push(['exact-p99', await reader.exactQuantile?.(0.99).then(inFiveDigits)])
  return answers.filter(([, answer]) => answer !== undefined)
}

/** What must be equal to the last digit. The extremes of no calls are null in one database and NaN in another. */
function comparable({ calls, errors, sumNs, minNs, maxNs }: Summary): number[] {
  return calls === 0 ? [calls] : [calls, errors, sumNs, minNs, maxNs]
}

/** Two neighbouring durations are blended, and not everybody rounds alike. */
function inFiveDigits(value: number): string {
  return value.toPrecision(5)
}
