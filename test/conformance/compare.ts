/**
 * Runs the table: every behaviour of every form, bare and captured, side by side.
 */
import { describe, expect, test } from 'vitest'
import { CALLS } from './behaviours/calls.ts'
import { ERRORS } from './behaviours/errors.ts'
import { ITERATION } from './behaviours/iteration.ts'
import { INTEROPERATION } from './behaviours/interoperation.ts'
import { PROMISES } from './behaviours/promises.ts'
import { SHAPE } from './behaviours/shape.ts'
import type { Behaviour, Form, Kit } from './form.ts'
import { FORMS } from './forms.ts'
import { BARE, withPreparation } from './kits.ts'

const BEHAVIOURS = [...SHAPE, ...CALLS, ...ERRORS, ...PROMISES, ...INTEROPERATION, ...ITERATION]

/** Ids of the known differences that have been seen. */
export function compareAll(kits: readonly Kit[]): Set<string> {
  const differing = new Set<string>()
  for (const behaviour of BEHAVIOURS) {
    describe(behaviour.name, () => {
      const forms = FORMS.filter((form) => behaviour.of?.(form) ?? true)
      test.each(forms)('$name', async (form) => {
        const bare = await observe(behaviour, form, BARE)
        for (const kit of kits) {
          const { expected, ids } = adjusted(bare, behaviour, form, kit)
          for (const id of ids) differing.add(id)
          expect(await observe(behaviour, form, kit), kit.name).toEqual(expected)
        }
      })
    })
  }

  return differing
}

/** What the captured form has to look like, which is the bare one, but for the known differences. */
function adjusted(
  bare: unknown,
  { differences = [] }: Behaviour,
  form: Form,
  kit: Kit,
): { expected: unknown; ids: string[] } {
  let expected = bare
  const ids = []
  for (const { id, of, adjust } of differences) {
    if (of?.(form, kit) === false) continue
    const before = expected
    expected = adjust(before as never, form, kit)
    expect(expected, 'a known difference that is none any more').not.toEqual(before)
    ids.push(id)
  }
  return { expected, ids }
}

async function observe(behaviour: Behaviour, form: Form, kit: Kit): Promise<unknown> {
  return behaviour.observe(
    (body, prepare) => form.make(body, prepare === undefined ? kit : withPreparation(kit, prepare)),
    form,
  )
}
