/**
 * Nobody can tell that a captured function is captured: every behaviour of every form, bare and captured, side by side.
 */
import { describe, expect, test } from 'vitest'
import { CALLS } from './behaviours/calls.ts'
import { ERRORS } from './behaviours/errors.ts'
import { INTEROPERATION } from './behaviours/interoperation.ts'
import { PROMISES } from './behaviours/promises.ts'
import { SHAPE } from './behaviours/shape.ts'
import type { Behaviour, Form, Kit } from './form.ts'
import { FORMS } from './forms.ts'
import { BARE, CAPTURED, withPreparation } from './kits.ts'
import { recordInTemporaryDirectory } from './recording.ts'

recordInTemporaryDirectory()

for (const behaviour of [...SHAPE, ...CALLS, ...ERRORS, ...PROMISES, ...INTEROPERATION]) {
  describe(behaviour.name, () => {
    const forms = FORMS.filter((form) => behaviour.of?.(form) ?? true)
    test.each(forms)('$name', async (form) => {
      const bare = await observe(behaviour, form, BARE)
      for (const kit of CAPTURED) {
        const expected = adjusted(bare, behaviour, form, kit)
        expect(await observe(behaviour, form, kit), kit.name).toEqual(expected)
      }
    })
  })
}

/** What the captured form has to look like, which is the bare one, but for the known differences. */
function adjusted(bare: unknown, { differences = [] }: Behaviour, form: Form, kit: Kit): unknown {
  let expected = bare
  for (const { of, adjust } of differences) {
    if (of?.(form) === false) continue
    const before = expected
    expected = adjust(before as never, form, kit)
    expect(expected, 'a known difference that is none any more').not.toEqual(before)
  }
  return expected
}

async function observe(behaviour: Behaviour, form: Form, kit: Kit): Promise<unknown> {
  return behaviour.observe(
    (body, prepare) => form.make(body, prepare === undefined ? kit : withPreparation(kit, prepare)),
    form,
  )
}
