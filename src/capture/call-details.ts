/**
 * @module capture/call-details
 * What the user's functions say of a call's outcome. They run after the clock has been read, and nothing that they throw
 * gets out.
 */
import * as types from 'node:util/types'
import { createAttributeEncoder, type AttributeEncoder } from './attributes.ts'
import type { CaptureOptions } from './options.ts'
import type { Outcome } from './share-outcome.ts'
import { hasStackRoom } from './stack-room.ts'
import type { WrapHooks } from './wrap.ts'

/** The options that make a call say more than how long it took. */
export interface CallDetails extends Pick<CaptureOptions, 'attributes' | 'isError' | 'parent'> {
  encode: AttributeEncoder
}

export interface DetailHooks extends WrapHooks {
  /** Id of an error type by its name. Never throws. */
  errorTypeNamed(name: string): number
}

/** Of a result that `isError` takes for a failure and that is no error. */
const FAILED_RESULT = '(result)'

/** What the options ask for; undefined: nothing of it. */
export function detailsIn(options: CaptureOptions): CallDetails | undefined {
  const { attributes, isError, parent, redact = true } = options
  if (attributes === undefined && isError === undefined && parent !== true) return undefined
  return {
    ...(attributes && { attributes }),
    ...(isError && { isError }),
    ...(parent && { parent }),
    encode: createAttributeEncoder({ redact }),
  }
}

/**
 * @param hasRoom the stack is known to be all but empty, as where a promise's reaction begins
 * @returns id of the error's type, 0 if the call has not failed
 */
export function errorTypeOf(
  details: CallDetails,
  outcome: Outcome,
  hooks: DetailHooks,
  hasRoom = false,
): number {
  if (!hasFailed(details, outcome, hasRoom)) return 0
  return outcome.failed || types.isNativeError(outcome.value)
    ? hooks.errorType(outcome.value)
    : hooks.errorTypeNamed(FAILED_RESULT)
}

/**
 * @param hasRoom as above
 * @returns text of a JSON object; undefined if there is nothing to store
 */
export function attributesOf(
  { attributes, encode }: CallDetails,
  args: unknown[],
  { failed, value }: Outcome,
  hasRoom = false,
): string | undefined {
  if (attributes === undefined || !(hasRoom || hasStackRoom())) return undefined
  try {
    const given = failed ? attributes(args, undefined, value) : attributes(args, value, undefined)
    return given === undefined ? undefined : encode(given)
  } catch {
    return undefined // a broken extractor costs the attributes, not the call
  }
}

function hasFailed(
  { isError }: CallDetails,
  { failed, value }: Outcome,
  hasRoom: boolean,
): boolean {
  if (isError === undefined || !(hasRoom || hasStackRoom())) return failed
  try {
    return Boolean(failed ? isError(undefined, value) : isError(value, undefined))
  } catch {
    return failed // a broken function of the user's: what was thrown stays a failure, what was returned none
  }
}
