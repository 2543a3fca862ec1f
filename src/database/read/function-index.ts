/**
 * @module database/read/function-index
 * For every function of the database, the groups of chunks that hold its rows. A tree over the sources in the order of their
 * first rows: nodes of up to 16 sources, and nodes of up to 16 of those. When a source comes or goes only the node that it is
 * in and the one above are made anew, so that a refresh costs the same however many segments there are.
 */
import type { ChunkSource } from './chunk-source.ts'
import type { DirectoryReader } from './directory-reader.ts'
import type { FunctionNumbers } from './function-numbers.ts'
import { IndexNode, type IndexChild } from './index-node.ts'

const FAN_OUT = 16

/** A source, with its functions numbered as those of the whole database are. */
export class IndexedSource implements IndexChild {
  readonly source: ChunkSource
  readonly owner: DirectoryReader
  readonly numbers: FunctionNumbers
  readonly groupCount: number
  readonly functionNumbers: Uint32Array
  readonly firstUs: number
  readonly lastUs: number

  constructor(source: ChunkSource, owner: DirectoryReader, numbers: FunctionNumbers) {
    const { firstChunks, functionIds, groupCount } = source
    this.source = source
    this.owner = owner
    this.numbers = numbers
    this.groupCount = groupCount
    this.functionNumbers = new Uint32Array(groupCount)
    let firstUs = Infinity
    let lastUs = -Infinity
    for (let group = 0; group < groupCount; group++) {
      this.functionNumbers[group] = numbers.numberOf(functionIds[firstChunks[group]!]!)
      firstUs = Math.min(firstUs, source.groupFirstUs(group))
      lastUs = Math.max(lastUs, source.groupLastUs(group))
    }
    this.firstUs = firstUs
    this.lastUs = lastUs
  }

  weightOf(group: number): number {
    return this.source.groupWeight(group)
  }
}

/** Of up to 16 sources. */
export type LeafNode = IndexNode<IndexedSource>
/** Of up to 16 nodes of sources. */
export type TopNode = IndexNode<LeafNode>

/** What an index holds at a moment. It never changes, so a question may go on with it while the index does. */
export class IndexView {
  readonly nodes: readonly TopNode[]
  /** In the order of their first rows. */
  readonly indexedSources: readonly IndexedSource[]

  constructor(nodes: readonly TopNode[], leaves: readonly LeafNode[]) {
    this.nodes = nodes
    this.indexedSources = leaves.flatMap(({ children }) => children)
  }

  get sources(): readonly ChunkSource[] {
    return this.indexedSources.map(({ source }) => source)
  }

  /** Calls `visit` for every group of the function, in the order of the sources' first rows. */
  forEach(functionNumber: number, visit: (source: ChunkSource, group: number) => void): void {
    for (const top of this.nodes) {
      forEachGroup(top, functionNumber, (topGroup) => {
        top.forEachPart(topGroup, (leaf, leafGroup) => {
          leaf.forEachPart(leafGroup, ({ source }, group) => {
            visit(source, group)
          })
        })
      })
    }
  }
}

export class FunctionIndex {
  #leaves: readonly LeafNode[] = []
  #view = new IndexView([], [])
  readonly #takeKeys: (count: number) => number

  /** @param takeKeys keys of the buffer pool, see reader-context.ts */
  constructor(takeKeys: (count: number) => number) {
    this.#takeKeys = takeKeys
  }

  /** What it holds now. */
  get view(): IndexView {
    return this.#view
  }

  /** Takes sources in and out. @returns nodes that are not part of the index any more */
  update(added: readonly IndexedSource[], removed: ReadonlySet<IndexedSource>): IndexNode[] {
    if (added.length === 0 && removed.size === 0) return []
    const leaves = replaceNodes(this.#leaves, added, removed, this.#takeKeys)
    const tops = replaceNodes(this.#view.nodes, leaves.added, leaves.removed, this.#takeKeys)
    this.#leaves = leaves.nodes
    this.#view = new IndexView(tops.nodes, leaves.nodes)
    return [...leaves.removed, ...tops.removed]
  }
}

/** Calls `visit` for the node's groups of the function, one for each weight. */
export function forEachGroup(
  node: IndexNode,
  functionNumber: number,
  visit: (group: number) => void,
): void {
  const { functionNumbers, groupCount } = node
  for (
    let group = node.firstGroupOf(functionNumber);
    group < groupCount && functionNumbers[group] === functionNumber;
    group++
  ) {
    visit(group)
  }
}

/** Nodes over other children than before. Those whose children stay the same are kept. */
function replaceNodes<Child extends IndexChild>(
  nodes: readonly IndexNode<Child>[],
  added: readonly Child[],
  removed: ReadonlySet<Child>,
  takeKeys: (count: number) => number,
) {
  const nodeOf = new Map(nodes.map((node) => [node.children, node]))
  const runs: (readonly Child[])[] = []
  for (const { children } of nodes) {
    const kept = children.some((child) => removed.has(child))
      ? children.filter((child) => !removed.has(child))
      : children
    if (kept.length > 0) runs.push(kept)
  }
  for (const child of [...added].sort((a, b) => a.firstUs - b.firstUs)) insert(runs, child)
  joinShortRuns(runs)
  const replaced = runs.map((children) => nodeOf.get(children) ?? new IndexNode(children, takeKeys))
  const kept = new Set(replaced)
  return {
    nodes: replaced,
    added: replaced.filter((node) => nodeOf.get(node.children) === undefined),
    removed: new Set(nodes.filter((node) => !kept.has(node))),
  }
}

/** Puts a child where it belongs by its first row. */
function insert<Child extends IndexChild>(runs: (readonly Child[])[], child: Child): void {
  let at = runs.length - 1
  while (at > 0 && runs[at]![0]!.firstUs > child.firstUs) at--
  const run = runs[at]
  if (run === undefined) {
    runs.push([child])
    return
  }
  const position = run.findLastIndex(({ firstUs }) => firstUs <= child.firstUs) + 1
  if (run.length === FAN_OUT && position === FAN_OUT) {
    // behind a full run: in time order runs get full, and are not halved
    runs.splice(at + 1, 0, [child])
    return
  }
  const longer = [...run.slice(0, position), child, ...run.slice(position)]
  if (longer.length <= FAN_OUT) runs[at] = longer
  else runs.splice(at, 1, longer.slice(0, FAN_OUT / 2), longer.slice(FAN_OUT / 2))
}

/** Neighbours that would fill only half a node become one. */
function joinShortRuns(runs: (readonly IndexChild[])[]): void {
  for (let i = 0; i + 1 < runs.length;) {
    if (runs[i]!.length + runs[i + 1]!.length > FAN_OUT / 2) i++
    else runs.splice(i, 2, [...runs[i]!, ...runs[i + 1]!])
  }
}
