/**
 * @module test/unit/capture/outcome-kept
 * What an asynchronous call gives its caller stays what it is when recording its end fails.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { NameLog } from '../../../src/queue/name-log.ts'
import { fakeRecorder } from './fake-recorder.ts'

const FAULT = new Error('a fault of the recording')
const THROWN = new RangeError('the function says no')

afterEach(() => {
  vi.restoreAllMocks()
})

test.each(['plain', 'shared', 'isError', 'parent', 'generator', 'callback'])(
  'a rejection of a function, %s',
  async (form) => {
    const { capture, captureCallback } = fakeRecorder()
    const reject = async (): Promise<never> => Promise.reject(THROWN)
    const forms: Record<string, () => Promise<unknown>> = {
      plain: capture('plain', async () => reject()),
      shared: capture('shared', () => reject()),
      isError: capture('isError', async () => reject(), { isError: () => true }),
      parent: capture('parent', async () => reject(), { parent: true }),
      generator: async () => generate().next(),
      callback: async () =>
        new Promise((_, failed) => {
          withCallback(failed)
        }),
    }
    const generate = capture('generate', async function* () {
      yield await reject()
    })
    const withCallback = captureCallback('callback', (done: (error: unknown) => void) => {
      done(THROWN)
    })
    const fault = vi.spyOn(NameLog.prototype, 'idOf').mockImplementation(() => {
      throw FAULT
    })
    await expect(forms[form]!()).rejects.toBe(THROWN)
    expect(fault).toHaveBeenCalled()
  },
)
