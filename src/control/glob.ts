/**
 * @module control/glob
 * Whether a name matches a pattern with `*` (any run of characters, also none) and `?` (any one character). No regular
 * expression: a pattern of whatever kind costs at most its own length for each character of the name.
 *
 * The pieces between the stars are looked for from left to right. The first place at which a piece fits is always the
 * right one, so nothing is ever tried again: what is left of the name can only be shorter for a later place.
 */

export type NameMatcher = (name: string) => boolean

/** Every pattern matches the name that is spelled like it. */
export function createMatcher(pattern: string): NameMatcher {
  const literals = pattern.split(/[*?]/)
  if (literals.length === 1) return (name) => name === pattern
  const prefix = literals[0]!
  const suffix = literals.at(-1)!
  const ends: NameMatcher = (name) => name.startsWith(prefix) && name.endsWith(suffix)
  if (literals.length === 2 && pattern.includes('*')) {
    const fewest = prefix.length + suffix.length
    return (name) => name.length >= fewest && ends(name)
  }
  // most names fail at their ends, which is quickly seen
  const matches = createCharacterMatcher(pattern)
  return (name) => ends(name) && matches(Array.from(name))
}

function createCharacterMatcher(pattern: string): (characters: readonly string[]) => boolean {
  const pieces = pattern.split('*').map((piece) => Array.from(piece))
  const first = pieces.shift()!
  const last = pieces.pop()
  if (last === undefined) return (characters) => isExactly(characters, first)
  return (characters) => {
    const end = characters.length - last.length
    if (first.length > end) return false
    if (!fitsAt(characters, first, 0) || !fitsAt(characters, last, end)) return false
    let at = first.length
    for (const piece of pieces) {
      at = placeOf(characters, piece, at, end)
      if (at < 0) return false
      at += piece.length
    }
    return true
  }
}

function isExactly(characters: readonly string[], piece: readonly string[]): boolean {
  return characters.length === piece.length && fitsAt(characters, piece, 0)
}

/** The first place in [from, end - piece.length] at which the piece fits; -1 if there is none. */
function placeOf(
  characters: readonly string[],
  piece: readonly string[],
  from: number,
  end: number,
): number {
  for (let at = from; at + piece.length <= end; at++) if (fitsAt(characters, piece, at)) return at
  return -1
}

/** The characters from `at` on are enough for the piece. */
function fitsAt(characters: readonly string[], piece: readonly string[], at: number): boolean {
  for (let i = 0; i < piece.length; i++) {
    if (piece[i] !== '?' && piece[i] !== characters[at + i]) return false
  }
  return true
}
