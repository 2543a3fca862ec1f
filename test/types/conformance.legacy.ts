// Compiled with experimentalDecorators, never run.
import { capture, type CaptureOptions } from 'kronicler'
import { assertTrue, type Equal } from './assert.ts'

const options = {
  attributes: (args, result, error) => ({ args, result, error }),
  isError: (_, error) => error !== undefined,
  slowerThan: '5ms',
  sample: 0.5,
  parent: true,
} satisfies CaptureOptions

class Everything<T> {
  @capture one(value: T): T {
    return value
  }
  @capture() two<U>(value: U): U {
    return value
  }
  @capture('three') three(this: Everything<string>): Everything<string> {
    return this
  }
  @capture chained(): this {
    return this
  }
  @capture({ ...options, name: 'four' }) async four(id: string, ...rest: T[]): Promise<T[]> {
    return Promise.resolve([...rest, id as T])
  }
  @capture *five(): Generator<T> {
    yield* []
  }
  @capture async *six(): AsyncGenerator<T> {
    yield* []
  }
  @capture static seven<V>(value: V): V {
    return value
  }
  @capture('eight') get eight(): T | undefined {
    return undefined
  }
  set eight(_: T | undefined) {
    // never run
  }
  @capture [Symbol.toPrimitive](hint: 'number' | 'string' | 'default'): string {
    return hint
  }
  overloaded(value: string): string
  overloaded(value: number): number
  @capture overloaded(value: string | number): string | number {
    return value
  }
  field = capture((value: T): T[] => [value])

  // @ts-expect-error -- a field has no descriptor
  @capture thirteen = (): number => 1
  // @ts-expect-error -- no such option
  @capture({ nmae: 'x' }) fourteen(): void {
    // never run
  }
  // @ts-expect-error -- a parameter is no function
  fifteen(@capture _id: number): void {
    // never run
  }
}
declare const everything: Everything<boolean>
assertTrue<Equal<typeof everything.one, (value: boolean) => boolean>>()
assertTrue<Equal<ReturnType<typeof everything.two<'x'>>, 'x'>>()
assertTrue<Equal<typeof everything.four, (id: string, ...rest: boolean[]) => Promise<boolean[]>>>()
assertTrue<Equal<typeof everything.eight, boolean | undefined>>()
assertTrue<Equal<typeof everything.field, (value: boolean) => boolean[]>>()
const overloadedMethod: number = everything.overloaded(1)

@capture
abstract class Whole<T> {
  abstract make(): T
  take(): T {
    return this.make()
  }
}
@capture('By name')
class ByName extends Whole<number> {
  override make(): number {
    return 1
  }
}
@capture({ skip: ['make'] })
class Skipping extends ByName {}
assertTrue<Equal<ReturnType<Skipping['take']>, number>>()

export { overloadedMethod }
