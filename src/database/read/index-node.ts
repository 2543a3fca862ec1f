/**
 * @module database/read/index-node
 * A node of the function index: what its children hold of each function, in one array for all functions. Children are sources
 * of rows, or nodes one level below. A node is never changed; when a child comes or goes another node takes its place.
 */

/** Groups whose summaries are kept together, as an extent of the buffer pool. */
export const PAGE_GROUPS = 16

/** What a node must know of a child: groups of rows of one function and weight. */
export interface IndexChild {
  readonly groupCount: number
  readonly functionNumbers: Uint32Array // of each group
  weightOf(group: number): number
  readonly firstUs: number // no row starts before
  readonly lastUs: number // nor behind
}

export class IndexNode<Child extends IndexChild = IndexChild> implements IndexChild {
  readonly children: readonly Child[]
  readonly groupCount: number // of its own: all of its children's of one function and weight are one
  readonly functionNumbers: Uint32Array // ascending
  readonly firstUs: number
  readonly lastUs: number
  /** Of the summaries of the first PAGE_GROUPS groups; those of the others follow. */
  readonly firstPageKey: number
  readonly #weights: Uint32Array // ascending within a function
  readonly #offsets: Uint32Array // entries of group g: [offsets[g], offsets[g + 1])
  readonly #childOf: Uint32Array
  readonly #groupOf: Uint32Array
  #lastFound = 0

  /** @param takeKeys keys of the buffer pool, see reader-context.ts */
  constructor(children: readonly Child[], takeKeys: (count: number) => number) {
    this.children = children
    this.firstUs = children.reduce((least, { firstUs }) => Math.min(least, firstUs), Infinity)
    this.lastUs = children.reduce((most, { lastUs }) => Math.max(most, lastUs), -Infinity)
    const { childOf, groupOf } = sortEntries(children)
    this.#childOf = childOf
    this.#groupOf = groupOf
    const count = childOf.length
    const functionNumbers = new Uint32Array(count)
    const weights = new Uint32Array(count)
    const offsets = new Uint32Array(count + 1)
    let groups = 0
    for (let entry = 0; entry < count; entry++) {
      const child = children[childOf[entry]!]!
      const number = child.functionNumbers[groupOf[entry]!]!
      const weight = child.weightOf(groupOf[entry]!)
      if (groups > 0 && functionNumbers[groups - 1] === number && weights[groups - 1] === weight) {
        continue
      }
      functionNumbers[groups] = number
      weights[groups] = weight
      offsets[groups++] = entry
    }
    offsets[groups] = count
    this.groupCount = groups
    this.functionNumbers = functionNumbers.slice(0, groups)
    this.#weights = weights.slice(0, groups)
    this.#offsets = offsets.slice(0, groups + 1)
    this.firstPageKey = takeKeys(this.pageCount)
  }

  get pageCount(): number {
    return Math.ceil(this.groupCount / PAGE_GROUPS)
  }

  weightOf(group: number): number {
    return this.#weights[group]!
  }

  /** First group of the function, or of the next one that is there. Fast when functions are asked for in turn. */
  firstGroupOf(functionNumber: number): number {
    const { functionNumbers, groupCount } = this
    let low = 0
    let high = groupCount
    const last = this.#lastFound
    if (last < groupCount && functionNumbers[last]! < functionNumber) {
      low = last + 1
      if (low === groupCount || functionNumbers[low]! >= functionNumber) high = low
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      if (functionNumbers[middle]! < functionNumber) low = middle + 1
      else high = middle
    }
    this.#lastFound = low
    return low
  }

  /** Calls `visit` for everything that a group consists of, in the order of the children. */
  forEachPart(group: number, visit: (child: Child, childGroup: number) => void): void {
    const end = this.#offsets[group + 1]!
    for (let entry = this.#offsets[group]!; entry < end; entry++) {
      visit(this.children[this.#childOf[entry]!]!, this.#groupOf[entry]!)
    }
  }
}

/** Groups of all children by function, then by weight, then in the order of the children. */
function sortEntries(children: readonly IndexChild[]) {
  let count = 0
  let functionCount = 0
  let isWeighted = false
  for (const { functionNumbers, groupCount } of children) {
    count += groupCount
    for (let group = 0; group < groupCount; group++) {
      if (functionNumbers[group]! >= functionCount) functionCount = functionNumbers[group]! + 1
    }
  }
  const ends = new Uint32Array(functionCount + 1)
  for (const { functionNumbers, groupCount } of children) {
    for (let group = 0; group < groupCount; group++) ends[functionNumbers[group]! + 1]!++
  }
  for (let f = 1; f <= functionCount; f++) ends[f]! += ends[f - 1]!
  const childOf = new Uint32Array(count)
  const groupOf = new Uint32Array(count)
  for (const [index, child] of children.entries()) {
    const { functionNumbers, groupCount } = child
    for (let group = 0; group < groupCount; group++) {
      const at = ends[functionNumbers[group]!]!++
      childOf[at] = index
      groupOf[at] = group
      if (child.weightOf(group) !== 1) isWeighted = true
    }
  }
  if (isWeighted) sortByWeight(children, ends, childOf, groupOf)
  return { childOf, groupOf }
}

/** @param ends of each function's entries */
function sortByWeight(
  children: readonly IndexChild[],
  ends: Uint32Array,
  childOf: Uint32Array,
  groupOf: Uint32Array,
): void {
  const weightAt = (entry: number) => children[childOf[entry]!]!.weightOf(groupOf[entry]!)
  let first = 0
  for (const end of ends) {
    let ascends = true
    for (let entry = first + 1; entry < end; entry++) {
      if (weightAt(entry) < weightAt(entry - 1)) ascends = false
    }
    if (!ascends) {
      Array.from({ length: end - first }, (_, i) => first + i)
        .map((entry) => ({
          weight: weightAt(entry),
          child: childOf[entry]!,
          group: groupOf[entry]!,
        }))
        .sort((a, b) => a.weight - b.weight) // stable
        .forEach(({ child, group }, i) => {
          childOf[first + i] = child
          groupOf[first + i] = group
        })
    }
    first = end
  }
}
