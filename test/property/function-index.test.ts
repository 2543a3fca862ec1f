/** The function index, changed step by step, against one that looks at everything. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChunkSource } from '../../src/database/read/chunk-source.ts'
import type { DirectoryReader } from '../../src/database/read/directory-reader.ts'
import { FunctionIndex, IndexedSource } from '../../src/database/read/function-index.ts'
import type { FunctionNumbers } from '../../src/database/read/function-numbers.ts'
import type { IndexNode } from '../../src/database/read/index-node.ts'

interface Group {
  id: number
  weight: number
}

const FUNCTIONS = 12
const SPAN_US = 10

/** Function f of the writer is number FUNCTIONS - f of the database. */
const numbers = { numberOf: (id: number) => FUNCTIONS - id } as unknown as FunctionNumbers
const owner = {} as unknown as DirectoryReader

/** As much of a source as the index looks at: one chunk for each group. */
function sourceOf(path: string, firstUs: number, groups: readonly Group[]): ChunkSource {
  return {
    path,
    groupCount: groups.length,
    firstChunks: Uint32Array.from({ length: groups.length + 1 }, (_, i) => i),
    functionIds: Uint32Array.from(groups, ({ id }) => id),
    groupFirstUs: (group: number) => firstUs + (group % SPAN_US),
    groupLastUs: (group: number) => firstUs + 2 * (group % SPAN_US),
    groupWeight: (group: number) => groups[group]!.weight,
  } as unknown as ChunkSource
}

const groupsOfSource = fc
  .uniqueArray(fc.record({ id: fc.nat(FUNCTIONS - 1), weight: fc.constantFrom(1, 1, 1, 5, 100) }), {
    selector: ({ id, weight }) => `${id} ${weight}`,
    minLength: 1,
    maxLength: 15,
  })
  .map((groups) => groups.sort((a, b) => a.id - b.id || a.weight - b.weight))

const steps = fc.array(
  fc.record({
    added: fc.array(fc.record({ firstUs: fc.nat(3000), groups: groupsOfSource }), { maxLength: 9 }),
    removed: fc.array(fc.nat(400), { maxLength: 7 }),
    inOrder: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
)

test('finds every group once, in nodes of at most 16 that follow each other in time', () => {
  fc.assert(
    fc.property(steps, (changes) => {
      let nextKey = 0
      const index = new FunctionIndex((count) => (nextKey += count) - count)
      let present: IndexedSource[] = []
      let clockUs = 3000
      for (const [step, { added, inOrder, removed }] of changes.entries()) {
        const gone = new Set(removed.flatMap((i) => present[i] ?? []))
        const come = added.map(({ firstUs, groups }, i) => {
          const source = sourceOf(`${step}.${i}`, inOrder ? clockUs++ : firstUs, groups)
          return new IndexedSource(source, owner, numbers)
        })
        const before = nodesOf(index)
        const dropped = index.update(come, gone)
        present = [...present.filter((source) => !gone.has(source)), ...come]
        check(index, present)
        const after = nodesOf(index)
        expect(new Set(dropped)).toEqual(new Set([...before].filter((node) => !after.has(node))))
      }
    }),
    { numRuns: 100, seed: 5 },
  )
})

test('a segment that comes last changes one node of each level', () => {
  const index = new FunctionIndex(() => 0)
  for (let i = 0; i < 700; i++) {
    const before = nodesOf(index)
    const source = sourceOf(String(i), i, [{ id: 1, weight: 1 }])
    index.update([new IndexedSource(source, owner, numbers)], new Set())
    const added = [...nodesOf(index)].filter((node) => !before.has(node))
    expect(added.length).toBeLessThanOrEqual(2)
  }
  expect(index.view.nodes.map(({ children }) => children.length)).toEqual([16, 16, 12])
})

function nodesOf(index: FunctionIndex): Set<IndexNode> {
  return new Set([
    ...index.view.nodes,
    ...index.view.nodes.flatMap(({ children }) => [...children]),
  ])
}

function check(index: FunctionIndex, present: readonly IndexedSource[]): void {
  expect(index.view.sources.length).toBe(present.length)
  expect(new Set(index.view.sources)).toEqual(new Set(present.map(({ source }) => source)))
  for (const node of nodesOf(index)) {
    expect(node.children.length).toBeLessThanOrEqual(16)
    const starts = node.children.map(({ firstUs }) => firstUs)
    expect(starts).toEqual([...starts].sort((a, b) => a - b))
    expect(node.firstUs).toBe(starts[0])
  }
  for (let f = 0; f <= FUNCTIONS + 1; f++) {
    const found: string[] = []
    index.view.forEach(f, (source, group) => found.push(`${source.path} ${group}`))
    const wanted = present.flatMap(({ functionNumbers, source }) =>
      [...functionNumbers].flatMap((number, group) =>
        number === f ? [`${source.path} ${group}`] : [],
      ),
    )
    expect(found.sort()).toEqual(wanted.sort())
  }
}
