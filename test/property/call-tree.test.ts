import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALL_TREE_BYTES, CallTree } from '../../src/queue/call-tree.ts'
import { MAX_DEPTH } from '../../src/queue/layout.ts'

interface Call {
  children: Call[]
  beforeNs: number // own work before each child, and after the last
  parks: boolean // goes on asynchronously: its record comes later, or never
}

interface EndedCall {
  depth: number
  startNs: number
  durationNs: number
  parentStartNs: number
  childrenNs: number // what is expected
}

const { call: anyCall } = fc.letrec<{ call: Call; leaf: Call; node: Call }>((tie) => {
  const own = { beforeNs: fc.integer({ min: 1, max: 1000 }), parks: fc.boolean() }
  return {
    call: fc.oneof({ maxDepth: 6 }, tie('leaf'), tie('node')),
    leaf: fc.record({ children: fc.constant([]), ...own }),
    node: fc.record({ children: fc.array(tie('call'), { maxLength: 4 }), ...own }),
  }
})

/** Runs the calls on a clock of its own. Synchronous ones end, and are recorded, children first. */
function run(calls: readonly Call[], ended: EndedCall[]): void {
  let nowNs = 2 ** 33 - 5000 // the low half overflows on the way
  const visit = (call: Call, depth: number, parentStartNs: number): number => {
    const startNs = nowNs
    let childrenNs = 0
    for (const child of call.children) {
      nowNs += call.beforeNs
      childrenNs += visit(child, depth + 1, startNs)
    }
    nowNs += call.beforeNs
    const durationNs = nowNs - startNs
    if (call.parks) return 0
    ended.push({ depth, startNs, durationNs, parentStartNs, childrenNs })
    return durationNs
  }
  for (const call of calls) {
    nowNs += 1
    visit(call, 0, 0)
  }
}

test('time in children is exact, whatever batches the records come in and whoever drains them', () => {
  fc.assert(
    fc.property(fc.array(anyCall, { maxLength: 8 }), fc.array(fc.nat(6)), (calls, batches) => {
      const ended: EndedCall[] = []
      run(calls, ended)
      const memory = new SharedArrayBuffer(CALL_TREE_BYTES)
      const trees = [new CallTree(memory), new CallTree(memory)]
      const found: number[] = []
      for (let batch = 0; found.length < ended.length; batch++) {
        const tree = trees[batch % 2]!
        const size = 1 + (batches[batch] ?? 1)
        const records = ended.slice(found.length, found.length + size)
        const read = (): number[] => {
          tree.begin(3)
          return records.map(({ depth, startNs, durationNs, parentStartNs }) =>
            tree.add(depth, startNs >>> 0, durationNs, parentStartNs >>> 0),
          )
        }
        read() // a batch that could not be written is read again
        found.push(...read())
        tree.commit(3)
      }
      expect(found).toEqual(ended.map(({ childrenNs }) => childrenNs))
    }),
    { numRuns: 2000 },
  )
})

test('slots do not mix, and levels beyond the deepest are left out', () => {
  const tree = new CallTree(new SharedArrayBuffer(CALL_TREE_BYTES))
  const add = (slot: number, ...call: [number, number, number, number]): number => {
    tree.begin(slot)
    const childrenNs = tree.add(...call)
    tree.commit(slot)
    return childrenNs
  }
  expect(add(0, 1, 50, 10, 40)).toBe(0)
  expect(add(1, 0, 40, 30, 0)).toBe(0)
  expect(add(0, 0, 40, 30, 0)).toBe(10)
  expect(add(0, MAX_DEPTH, 60, 10, 55)).toBe(0)
  expect(add(0, MAX_DEPTH - 1, 55, 30, 50)).toBe(0)
})
