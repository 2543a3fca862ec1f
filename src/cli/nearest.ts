/**
 * @module cli/nearest
 * Which names somebody may have meant.
 */

const LONGEST_COMPARED = 200

/**
 * Names close to `name`: those that contain it or are contained in it, then those a few typing errors away.
 *
 * @returns at most `limit`, the closest first
 */
export function nearestNames(name: string, names: readonly string[], limit = 3): string[] {
  const wanted = name.toLowerCase().slice(0, LONGEST_COMPARED)
  const allowed = Math.max(2, Math.floor(wanted.length / 3))
  return names
    .map((candidate) => ({ candidate, distance: distanceOf(wanted, candidate) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, limit)
    .map(({ candidate }) => candidate)
}

function distanceOf(wanted: string, candidate: string): number {
  const other = candidate.toLowerCase().slice(0, LONGEST_COMPARED)
  if (other === wanted) return 0
  if (wanted.length >= 3 && other.includes(wanted)) return 1
  if (other.length >= 3 && wanted.includes(other)) return 1
  return editDistance(wanted, other)
}

/** Levenshtein distance in UTF-16 code units. O(a.length * b.length). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}
