/**
 * What a caller catches.
 */
import type { Behaviour, Form, Kit } from '../form.ts'
import { constructor, endOf, framesOf, plain, settled, whichOf, type Frames } from '../observe.ts'

class Refused extends Error {}

export const ERRORS: readonly Behaviour[] = [
  {
    name: 'what it throws is the very same value, at the same moment',
    async observe(make) {
      const values = {
        error: new Error('x'),
        own: new Refused('no'),
        frozen: Object.freeze(new TypeError('frozen')),
        object: {},
        thenable: { then: (resolve: (value: number) => void) => resolve(1) },
        fn: () => 1,
        revoked: revokedProxy(),
        hostile: hostileObject(),
      }
      let thrown: unknown
      const subject = make(() => {
        throw thrown
      })
      const seen = []
      for (thrown of [
        ...Object.values(values),
        undefined,
        null,
        NaN,
        0,
        '',
        'text',
        Symbol.iterator,
      ]) {
        seen.push(await endOf(() => subject.use(), whichOf(values)))
      }
      return seen
    },
  },
  {
    name: 'an error is not touched',
    async observe(make) {
      const error = new Refused('no', { cause: 'because' })
      const before = Object.getOwnPropertyDescriptors(error)
      await endOf(() => {
        const subject = make(() => {
          throw error
        })
        return subject.use()
      })
      return [
        Reflect.ownKeys(error).length === Reflect.ownKeys(before).length,
        error.stack === before['stack']?.value,
        error.message,
        error.cause,
      ]
    },
  },
  {
    name: 'the stack of an error shows the function and its callers',
    observe(make) {
      const subject = make(() => new Error('stack'))
      async function callerOfSubject(): Promise<unknown> {
        return settled(subject.use(1))
      }
      return framesOf(callerOfSubject, 'callerOfSubject')
    },
    differences: [
      {
        id: 'stack-frame',
        of: (form, kit) =>
          form.returns && form.name !== 'async function that awaits' && kit.frames(form) > 0,
        adjust: ({ frames }: Frames, form: Form, kit: Kit) => ({
          frames: frames.map(asOfNoProperty),
          own: kit.frames(form),
        }),
      },
    ],
  },
  {
    name: 'the stack of an error in a constructor',
    of: ({ isConstructor }) => isConstructor,
    observe(make) {
      let error: unknown
      const { fn } = make(() => void (error = new Error('stack')))
      function callerOfSubject(): unknown {
        new (constructor(fn))()
        return error
      }
      return framesOf(callerOfSubject, 'callerOfSubject')
    },
    differences: [
      {
        id: 'stack-frame',
        adjust: ({ frames }: Frames, form: Form, kit: Kit) => ({ frames, own: kit.frames(form) }),
      },
    ],
  },
  {
    name: 'the stack of an error after an await still shows the async callers',
    of: ({ kind, returns }) => kind === 'async' && returns,
    observe(make) {
      const subject = make(async () => {
        await new Promise(setImmediate)
        return new Error('stack')
      })
      async function middle(): Promise<unknown> {
        const error = await subject.use(1)
        return error
      }
      async function callerOfSubject(): Promise<unknown> {
        const error = await middle()
        return error
      }
      return framesOf(callerOfSubject, 'callerOfSubject')
    },
  },
  {
    name: 'Error.captureStackTrace from it up',
    observe(make) {
      const holder: { stack?: string } = {}
      const subject = make(() => {
        Error.captureStackTrace(holder, subject.fn)
      })
      async function callerOfSubject(): Promise<unknown> {
        await settled(subject.use(1))
        return holder
      }
      return framesOf(callerOfSubject, 'callerOfSubject')
    },
    differences: [
      {
        id: 'stack-frame',
        // they have no frame of their own, so nothing is cut off
        of: ({ isOpaque }) => isOpaque,
        adjust: ({ frames }: Frames, form: Form, kit: Kit) => ({ frames, own: kit.frames(form) }),
      },
      {
        id: 'stack-frame',
        // the captured function is not on the stack while its generator runs, so everything is cut off
        of: ({ kind }) => kind.endsWith('generator'),
        adjust: () => ({ frames: [], own: 0 }),
      },
    ],
  },
  {
    name: 'finally and catch blocks around it run in order',
    async observe(make) {
      const order: unknown[] = []
      const subject = make(() => {
        order.push('body')
        throw new Refused('no')
      })
      try {
        order.push('try')
        await settled(subject.use())
      } catch (error) {
        order.push(plain(error))
      } finally {
        order.push('finally')
      }
      return order
    },
  },
]

/** The engine names a function by the property of the receiver that holds it, and that one holds the wrapper. */
function asOfNoProperty(frame: string): string {
  return frame.replace(/ \[as \w+\]/, '').replace(/(arrow|function)Field/, '<anonymous>')
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Whatever is asked of it throws. */
function hostileObject(): object {
  const refuse = (): never => {
    throw new Error('hostile')
  }
  return new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse, ownKeys: refuse })
}
