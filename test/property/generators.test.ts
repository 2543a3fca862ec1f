/* eslint-disable no-unsafe-finally -- generators whose finally blocks return are among those tried */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fakeRecorder } from '../unit/capture/fake-recorder.ts'

/** What a generator's body does. */
type Step =
  | { kind: 'yield'; value: number }
  | { kind: 'return'; value: number }
  | { kind: 'throw'; value: number }
  | { kind: 'delegate'; values: number[]; last: number }
  | { kind: 'catch' | 'finally'; body: Step[]; then: Step[] }

type Body = Step[]

/** What is asked of its iterator. */
interface Request {
  kind: 'next' | 'return' | 'throw'
  value: number
  queued: boolean // the answer to the request before is not waited for
}

/** Why a body is left early. */
interface Exit {
  value: number
}

class Thrown extends Error {
  readonly value: number
  constructor(value: number) {
    super(`thrown ${value}`)
    this.value = value
  }
}

const { body } = fc.letrec<{ step: Step; body: Body }>((tie) => ({
  step: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ kind: fc.constantFrom('yield', 'yield', 'return', 'throw'), value: fc.nat(9) }),
    fc.record({
      kind: fc.constant('delegate'),
      values: fc.array(fc.nat(9), { maxLength: 3 }),
      last: fc.nat(9),
    }),
    fc.record({ kind: fc.constantFrom('catch', 'finally'), body: tie('body'), then: tie('body') }),
  ),
  body: fc.array(tie('step'), { maxLength: 4 }),
}))
const requests = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'next' as const,
      'next' as const,
      'next' as const,
      'return' as const,
      'throw' as const,
    ),
    value: fc.nat(9),
    queued: fc.boolean(),
  }),
  { maxLength: 12 },
)

function* delegate(values: number[], last: number): Generator<number, number, number> {
  let sum = last // NaN once nothing is sent
  for (const value of values) sum += yield value
  return sum
}

type Run = (steps: Body, seen: unknown[]) => Generator<number, Exit | undefined, number>
type RunAsync = (steps: Body, seen: unknown[]) => AsyncGenerator<number, Exit | undefined, number>

/** A new function each time: what captures one must not touch the other. It returns what the body says it should. */
function makeRun(): Run {
  return function* run(steps, seen): ReturnType<Run> {
    for (const step of steps) {
      if (step.kind === 'yield') seen.push(yield step.value)
      else if (step.kind === 'return') return { value: step.value }
      else if (step.kind === 'throw') throw new Thrown(step.value)
      else if (step.kind === 'delegate') seen.push(yield* delegate(step.values, step.last))
      else if (step.kind === 'catch') {
        try {
          const exit = yield* run(step.body, seen)
          if (exit !== undefined) return exit
        } catch (error) {
          seen.push(error)
          const exit = yield* run(step.then, seen)
          if (exit !== undefined) return exit
        }
      } else {
        try {
          const exit = yield* run(step.body, seen)
          if (exit !== undefined) return exit
        } finally {
          const exit = yield* run(step.then, seen)
          if (exit !== undefined) return exit
        }
      }
    }
    return undefined
  }
}

function makeRunAsync(): RunAsync {
  return async function* run(steps, seen): ReturnType<RunAsync> {
    for (const step of steps) {
      await Promise.resolve()
      if (step.kind === 'yield') seen.push(yield step.value)
      else if (step.kind === 'return') return { value: step.value }
      else if (step.kind === 'throw') throw new Thrown(step.value)
      else if (step.kind === 'delegate') seen.push(yield* delegate(step.values, step.last))
      else if (step.kind === 'catch') {
        try {
          const exit = yield* run(step.body, seen)
          if (exit !== undefined) return exit
        } catch (error) {
          seen.push(error)
          const exit = yield* run(step.then, seen)
          if (exit !== undefined) return exit
        }
      } else {
        try {
          const exit = yield* run(step.body, seen)
          if (exit !== undefined) return exit
        } finally {
          const exit = yield* run(step.then, seen)
          if (exit !== undefined) return exit
        }
      }
    }
    return undefined
  }
}

interface Answer {
  result?: IteratorResult<number, unknown>
  error?: unknown
}

/** All that can be told of a generator from outside. */
interface Talk {
  answers: Answer[] // by request
  seen: unknown[] // by the body
  order: number[] // in which the requests were answered
}

function talk(make: Run, steps: Body, asked: Request[]): Talk {
  const seen: unknown[] = []
  const iterator = make(steps, seen)
  const answers = asked.map((request): Answer => {
    try {
      return { result: ask(iterator, request) }
    } catch (error) {
      return { error }
    }
  })
  return { answers, seen, order: [] }
}

async function talkAsync(make: RunAsync, steps: Body, asked: Request[]): Promise<Talk> {
  const done: Talk = { answers: [], seen: [], order: [] }
  const iterator = make(steps, done.seen)
  const waiting: Promise<void>[] = []
  for (const [i, request] of asked.entries()) {
    const answer = ask(iterator, request).then(
      (result): Answer => ({ result }),
      (error: unknown): Answer => ({ error }),
    )
    const noted = answer.then((given) => {
      done.answers[i] = given
      done.order.push(i)
    })
    waiting.push(noted)
    if (!request.queued) await noted
  }
  await Promise.all(waiting)
  return done
}

function ask(iterator: ReturnType<Run>, request: Request): IteratorResult<number, unknown>
function ask(
  iterator: ReturnType<RunAsync>,
  request: Request,
): Promise<IteratorResult<number, unknown>>
function ask(iterator: ReturnType<Run> | ReturnType<RunAsync>, { kind, value }: Request): unknown {
  if (kind === 'next') return iterator.next(value)
  return kind === 'return' ? iterator.return({ value }) : iterator.throw(new Thrown(value))
}

/** What must have been recorded, by the answers. */
function expectedCalls({ answers }: Talk, asked: Request[]): unknown[] {
  const last = answers.findIndex(({ result, error }) => error !== undefined || result?.done)
  if (last < 0 || asked[0]!.kind !== 'next') return []
  const error = answers[last]!.error === undefined ? undefined : 'Thrown'
  const abandoned = asked[last]!.kind === 'return' || undefined
  return [{ name: 'run', depth: 0, error, items: last, abandoned }]
}

describe('a captured generator behaves as the generator does, and is recorded', () => {
  const { capture, taken } = fakeRecorder()

  function recorded(): unknown[] {
    return taken().map(({ name, depth, error, attributes }) => {
      const items = attributes!['generator.items']
      return { name, depth, error, items, abandoned: attributes!['generator.abandoned'] }
    })
  }

  test('sync', () => {
    const captured = capture('run', makeRun())
    const bare = makeRun()
    fc.assert(
      fc.property(body, requests, (steps, asked) => {
        const expected = talk(bare, steps, asked)
        expect(talk(captured, steps, asked)).toEqual(expected)
        expect(recorded()).toEqual(expectedCalls(expected, asked))
      }),
      { numRuns: 3000 },
    )
  })

  test('async', async () => {
    const captured = capture('run', makeRunAsync())
    const bare = makeRunAsync()
    await fc.assert(
      fc.asyncProperty(body, requests, async (steps, asked) => {
        const expected = await talkAsync(bare, steps, asked)
        expect(await talkAsync(captured, steps, asked)).toEqual(expected)
        expect(recorded()).toEqual(expectedCalls(expected, asked))
      }),
      { numRuns: 2000 },
    )
  })
})
